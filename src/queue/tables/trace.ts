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

export const traceFile = (dir: string): string => join(dir, 'trace.sqlite');

/** The trace database. */
export function openTrace(dir: string) {
  const db = openDatabase(traceFile(dir), { synchronous: 'NORMAL' });
  migrate(db, 'trace');
  const insert = db.prepare<[number, string, string, string]>('INSERT INTO event (at, queue_id, msg, fields) VALUES (?, ?, ?, ?)');
  const addKey = db.prepare<[string, string, number]>('INSERT OR IGNORE INTO event_key (key, queue_id, at) VALUES (?, ?, ?)');
  const old = db.prepare<[number]>('DELETE FROM event WHERE id IN (SELECT id FROM event WHERE at < ? ORDER BY at LIMIT 5000)');
  const oldKeys = db.prepare<[number]>('DELETE FROM event_key WHERE at < ?');
  const tooMany = db.prepare<[number]>('DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?');
  const byKey = db.prepare<[string, number], string>('SELECT queue_id FROM event_key WHERE key = ? ORDER BY at DESC LIMIT ?').pluck();
  const byId = db.prepare<[string], { at: number; queue_id: string; msg: string; fields: string }>(
    'SELECT at, queue_id, msg, fields FROM event WHERE queue_id = ? ORDER BY id',
  );
  let count = 0;
  return {
    add(events: readonly TraceEvent[]): void {
      transaction(db, () => {
        for (const { at, queueId, msg, fields, keys } of events) {
          insert.run(at, queueId, msg, fields);
          for (const key of keys) addKey.run(key, queueId, at);
        }
        count += events.length;
        const last = events.at(-1);
        if (count < 1000 || last === undefined) return;
        count = 0;
        old.run(last.at - kept);
        oldKeys.run(last.at - kept);
        tooMany.run(mostEvents);
      });
    },

    /** What happened to every message that a queue id, a Message-ID or an address has to do with; bounces of them as well, and what went on under another id. In order of time. */
    find(what: string) {
      const key = what.toLowerCase();
      const ids = new Set([what.toUpperCase(), ...byKey.all(key, mostIds), ...byKey.all(`<${key}>`, mostIds)]);
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
