import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type ImapClient, imapServer } from '../../test/support/imap.ts';
import { runs } from '../../test/support/runs.ts';
import type { ModSeq, Uid, UidValidity } from '../mail/numbers.ts';
import type { AccountStore, Mailbox } from '../store/store.ts';
import { View } from './view.ts';

/** What a client believes, from nothing but what it was told. */
class Mirror {
  readonly client: ImapClient;
  readonly qresync: boolean;
  /** UID and flags by place; null where not known yet. */
  messages: { uid: number | null; flags: string | null }[] = [];

  constructor(client: ImapClient, qresync: boolean) {
    this.client = client;
    this.qresync = qresync;
  }

  async run(command: string): Promise<void> {
    const mayShift = !/^(FETCH|STORE|SEARCH)/.test(command);
    for (const line of await this.client.command(command)) {
      expect(line, command).not.toMatch(/^(BAD|NO (?!\[EXPUNGEISSUED\]))/);
      const [, number, word] = /^\* (\d+) (\w+)/.exec(line) ?? [];
      const n = Number(number);
      if (word === 'EXISTS') {
        expect(n).toBeGreaterThanOrEqual(this.messages.length);
        while (this.messages.length < n) this.messages.push({ uid: null, flags: null });
      } else if (word === 'EXPUNGE') {
        expect(mayShift, command).toBe(true);
        expect(n).toBeLessThanOrEqual(this.messages.length);
        this.messages.splice(n - 1, 1);
      } else if (word === 'FETCH') {
        const message = this.messages[n - 1];
        expect(message, line).toBeDefined();
        const uid = /UID (\d+)/.exec(line)?.[1];
        if (uid !== undefined) {
          if (message!.uid !== null) expect(message!.uid, line).toBe(Number(uid));
          message!.uid = Number(uid);
        }
        const flags = /FLAGS \(([^)]*)\)/.exec(line)?.[1];
        if (flags !== undefined) message!.flags = normal(flags);
      } else if (line.startsWith('* VANISHED ')) {
        expect(mayShift, command).toBe(true);
        for (const span of line.slice(11).split(',')) {
          const [from, to = from] = span.split(':').map(Number) as [number, number?];
          this.messages = this.messages.filter(({ uid }) => uid === null || uid < from || uid > to!);
        }
      }
    }
    const [, from, to, flag] = /^UID STORE (\d):(\d) \+FLAGS\.SILENT \((.*)\)$/.exec(command) ?? [];
    for (const message of from === undefined ? [] : this.messages) {
      const [low, high] = [Math.min(Number(from), Number(to)), Math.max(Number(from), Number(to))];
      if (message.uid === null) message.flags = null;
      else if (message.uid >= low && message.uid <= high && message.flags !== null) {
        message.flags = normal(`${message.flags.replace(flag!, '')} ${flag}`);
      }
    }
    if (this.qresync) await this.learn();
  }

  /** A client that hears of UIDs only must know them. */
  async learn(): Promise<void> {
    if (!this.messages.some(({ uid }) => uid === null)) return;
    for (const line of await this.client.ok('FETCH 1:* (UID FLAGS)')) {
      const [, n, uid, flags] = /^\* (\d+) FETCH \(UID (\d+) FLAGS \(([^)]*)\)/.exec(line) ?? [];
      if (n !== undefined && this.messages[Number(n) - 1] !== undefined)
        this.messages[Number(n) - 1] = { uid: Number(uid), flags: normal(flags!) };
    }
  }
}

const normal = (flags: string): string =>
  flags
    .split(' ')
    .filter((flag) => flag !== '' && flag !== '\\Recent')
    .sort()
    .join(' ');

const set = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 })).map(([a, b]) => `${a}:${b}`);
const flag = fc.constantFrom('\\Seen', '\\Deleted', '\\Flagged', 'work');
const step = fc.oneof(
  fc.constant('APPEND INBOX {3+}\r\nabc'),
  fc.constant('NOOP'),
  fc.constant('EXPUNGE'),
  fc.constant('SEARCH ALL'),
  fc.constant('FETCH 1 (UID FLAGS)'),
  fc.constant('UID FETCH 1:* FLAGS'),
  fc
    .tuple(fc.constantFrom('+FLAGS', '-FLAGS', 'FLAGS', '+FLAGS.SILENT'), set, flag)
    .map(([op, uids, name]) => `UID STORE ${uids} ${op} (${name})`),
  fc.tuple(fc.constantFrom('+FLAGS', '-FLAGS'), flag).map(([op, name]) => `STORE 1 ${op} (${name})`),
  set.map((uids) => `UID COPY ${uids} INBOX`),
  set.map((uids) => `UID MOVE ${uids} INBOX`),
  set.map((uids) => `UID EXPUNGE ${uids}`),
);

it('what sessions were told adds up to what is there', async () => {
  const server = await imapServer();
  let run = 0;
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat({ max: 2 }), step), { minLength: 5, maxLength: 40 }), async (steps) => {
        const name = `user${++run}`;
        const mirrors: Mirror[] = [];
        try {
          for (let i = 0; i < 3; i++) {
            const mirror = new Mirror(await server.client(name), i === 2);
            mirrors.push(mirror);
            if (i === 0) for (let n = 0; n < 3; n++) await mirror.client.ok('APPEND INBOX {3+}\r\nabc');
            if (mirror.qresync) await mirror.client.ok('ENABLE QRESYNC');
            await mirror.run('SELECT INBOX');
            await mirror.run('UID FETCH 1:* FLAGS');
          }
          for (const [who, command] of steps) {
            const mirror = mirrors[who]!;
            // A number past the end is the client's own mistake.
            if (/^(FETCH|STORE) 1/.test(command) && mirror.messages.length === 0) continue;
            await mirror.run(command);
          }
          const fresh = new Mirror(await server.client(name), false);
          mirrors.push(fresh);
          await fresh.run('EXAMINE INBOX');
          await fresh.run('UID FETCH 1:* FLAGS');
          for (const mirror of mirrors.slice(0, 3)) {
            await mirror.run('NOOP');
            expect(mirror.messages).toHaveLength(fresh.messages.length);
            for (const [i, { uid, flags }] of mirror.messages.entries()) {
              if (uid !== null) expect(uid).toBe(fresh.messages[i]!.uid);
              if (flags !== null) expect(flags).toBe(fresh.messages[i]!.flags);
            }
            await mirror.run('UID FETCH 1:* FLAGS');
            expect(mirror.messages).toEqual(fresh.messages);
          }
        } finally {
          for (const { client } of mirrors) client.close();
        }
      }),
      { numRuns: runs(60) },
    );
    expect(server.bugs).toEqual([]);
  } finally {
    await server.close();
  }
}, 60_000);

it('keeps one range of recent messages for those that came one after the other', () => {
  const snapshot = {
    uidValidity: 1 as UidValidity,
    uidNext: 101 as Uid,
    highestModSeq: 1 as ModSeq,
    uids: Uint32Array.from({ length: 100 }, (_, i) => i + 1),
    flags: new Uint32Array(100),
    modSeqs: new Float64Array(100),
    moreKeywords: new Map(),
  };
  const view = new View({ keywords: () => [] } as unknown as AccountStore, { id: 1 } as unknown as Mailbox, snapshot, false);
  view.addRecent(11, 11);
  expect(view.recentCount).toBe(0);
  for (let uid = 11; uid <= 40; uid++) view.addRecent(uid, uid + 1);
  view.addRecent(30, 35);
  for (let uid = 61; uid <= 70; uid++) view.addRecent(uid - 5, uid + 1);
  expect(view.recentRanges).toEqual([
    [11, 40],
    [56, 70],
  ]);
  expect(view.recentCount).toBe(45);
  expect([10, 11, 40, 41, 55, 56, 70, 71].filter((uid) => view.isRecent(uid))).toEqual([11, 40, 56, 70]);
});
