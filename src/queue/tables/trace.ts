import { join } from 'node:path';
import { migrate } from '../../db/migrate.ts';
import { openDatabase } from '../../db/open.ts';
import { transaction } from '../../db/transaction.ts';

export interface TraceEvent {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly queueId: string;
  readonly msg: string;
  /** JSON. */
  readonly fields: string;
  /** Addresses, Message-IDs, sessions; lower case. */
  readonly keys: readonly string[];
}

const kept = 14 * 86_400_000;
const mostEvents = 2_000_000;
/** Queue ids that one question may lead to. */
const mostIds = 200;
/** Octets of marks in a row, which so fits on a page. */
const rowSize = 3600;

export const traceFile = (dir: string): string => join(dir, 'trace.sqlite');

interface MarkRow {
  readonly first: number;
  readonly last: number;
  readonly marks: Buffer;
}

/** FNV-1a of its UTF-16. Two keys with the same mark cost a look at the events. */
function markOf(key: string): number {
  let mark = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) mark = Math.imul(mark ^ key.charCodeAt(at), 0x01000193);
  return mark >>> 0;
}

function holds(marks: Buffer, mark: number): boolean {
  const octets = Buffer.from(Uint32Array.of(mark).buffer);
  let at = marks.indexOf(octets);
  while (at % 4 > 0) at = marks.indexOf(octets, at + 1);
  return at !== -1;
}

/** The trace database. */
export function openTrace(dir: string) {
  const db = openDatabase(traceFile(dir), { synchronous: 'NORMAL' });
  migrate(db, 'trace');
  const insert = db.prepare<[number, string, string, string]>('INSERT INTO event (at, queue_id, msg, fields) VALUES (?, ?, ?, ?)');
  const newestMarks = db.prepare<[], MarkRow>('SELECT first, last, marks FROM event_mark ORDER BY first DESC LIMIT 1');
  const addMarks = db.prepare<[number, number, Buffer]>('INSERT OR REPLACE INTO event_mark (first, last, marks) VALUES (?, ?, ?)');
  const old = db.prepare<[number]>('DELETE FROM event WHERE id IN (SELECT id FROM event ORDER BY id LIMIT 5000) AND at < ?');
  const tooMany = db.prepare<[number]>('DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?');
  const oldMarks = db.prepare('DELETE FROM event_mark WHERE last < (SELECT min(id) FROM event)');
  const allMarks = db.prepare<[], MarkRow>('SELECT first, last, marks FROM event_mark ORDER BY first DESC');
  const among = db.prepare<[number, number], { queue_id: string; fields: string }>(
    'SELECT queue_id, fields FROM event WHERE id BETWEEN ? AND ? ORDER BY id DESC',
  );
  const byId = db.prepare<[string], { at: number; queue_id: string; msg: string; fields: string }>(
    'SELECT at, queue_id, msg, fields FROM event WHERE queue_id = ? ORDER BY id',
  );
  let count = 0;

  /** The newest that have to do with one of `keys`. */
  function idsOf(keys: readonly string[]): Set<string> {
    const ids = new Set<string>();
    const wanted = keys.map(markOf);
    for (const { first, last } of allMarks.all().filter(({ marks }) => wanted.some((mark) => holds(marks, mark)))) {
      for (const { queue_id, fields } of among.iterate(first, last)) {
        if (ids.size === mostIds) return ids;
        const values = Object.values(JSON.parse(fields) as Record<string, unknown>);
        if (values.some((value) => typeof value === 'string' && keys.includes(value.toLowerCase()))) ids.add(queue_id);
      }
    }
    return ids;
  }

  function mark(first: number, last: number, events: readonly TraceEvent[]): void {
    const marks = Buffer.from(Uint32Array.from(new Set(events.flatMap(({ keys }) => keys.map(markOf)))).buffer);
    const before = newestMarks.get();
    if (before === undefined || before.marks.length + marks.length > rowSize) addMarks.run(first, last, marks);
    else addMarks.run(before.first, last, Buffer.concat([before.marks, marks]));
  }

  return {
    add(events: readonly TraceEvent[]): void {
      transaction(db, () => {
        const ids = events.map(({ at, queueId, msg, fields }) => Number(insert.run(at, queueId, msg, fields).lastInsertRowid));
        if (ids.length > 0) mark(ids[0]!, ids.at(-1)!, events);
        count += events.length;
        const last = events.at(-1);
        if (count < 1000 || last === undefined) return;
        count = 0;
        old.run(last.at - kept);
        tooMany.run(mostEvents);
        oldMarks.run();
      });
    },

    /** What happened to every message that a queue id, a Message-ID or an address has to do with; bounces of them as well, and what went on under another id. In order of time. */
    find(what: string) {
      const key = what.toLowerCase();
      const ids = new Set([what.toUpperCase(), ...idsOf([key, `<${key}>`])]);
      const events = [];
      for (const id of ids) {
        for (const row of byId.all(id)) {
          const fields = JSON.parse(row.fields) as Record<string, unknown>;
          events.push({ at: row.at, queue_id: row.queue_id, msg: row.msg, fields });
          for (const next of [fields.dsn, fields.queued_as]) if (typeof next === 'string' && ids.size < mostIds) ids.add(next);
        }
      }
      return events.sort((a, b) => a.at - b.at);
    },

    close: (): void => void db.close(),
  };
}
