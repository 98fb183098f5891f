// Appends, flags, moves and expunges until it is killed. Says on stdout what it tries (`?`) and what was acknowledged (`!`).
import { randomBytes, randomInt } from 'node:crypto';
import { writeSync } from 'node:fs';
import { silentLog } from '../../src/base/log.ts';
import { stagedBytes } from '../../src/base/staging.ts';
import type { AccountId, Uid } from '../../src/mail/numbers.ts';
import { openStore } from '../../src/store/open-store.ts';
import { storeDefaults } from '../../src/store/settings.ts';

/** A line of what it says. */
export interface Said {
  op: string;
  box: string;
  uid: number;
  body: string;
  flags: number;
  to: string;
  target: number;
  forGood?: boolean;
}

// HOME [JOURNAL]
const [home = '', journalDir = ''] = process.argv.slice(2);
// Small and soon old: segments fill, are synced and used anew all the time.
const journal = journalDir === '' ? null : { dir: journalDir, segmentSize: 64 << 10, segments: 3, longest: 16 << 10, age: 200 };
const say = (line: object): void => {
  writeSync(1, `${JSON.stringify(line)}\n`);
};
const store = openStore({ ...storeDefaults, threads: 1, journal }, { log: silentLog });
const mail = await store.open({ id: 1 as AccountId, address: 'crash@example.com', home, quota: 0 });
const own: { box: string; uid: Uid; body: string }[] = [];
const boxes = ['INBOX', 'Archive'];
const idOf = (box: string) => mail.find(box)!.id;

async function act(): Promise<void> {
  const choice = randomInt(10);
  if (choice < 4 || own.length === 0) {
    const body = randomBytes(12).toString('hex');
    const box = boxes[randomInt(2)]!;
    say({ op: '?', body });
    const [done] = await mail.append(box, [
      { message: stagedBytes(Buffer.from(`Subject: x\n\n${body}\n`)), flags: randomInt(2) === 0 ? [] : ['\\Seen'] },
    ]);
    say({ op: 'append', box, uid: done!.uid, body });
    own.push({ box, uid: done!.uid, body });
    return;
  }
  const at = randomInt(own.length);
  const one = own[at]!;
  if (choice < 7) {
    const flags = [['\\Flagged', '\\Answered', '$Work'][randomInt(3)]!];
    say({ op: 'touch', box: one.box, uid: one.uid });
    const { rows } = await mail.store(idOf(one.box), [one.uid], { op: 'replace', flags });
    say({ op: 'flags', box: one.box, uid: one.uid, flags: rows.flags[0] ?? -1 });
  } else if (choice < 9) {
    own.splice(at, 1);
    const box = boxes[randomInt(2)]!;
    say({ op: 'leave', box: one.box, uid: one.uid, body: one.body });
    const { targets } = await mail.move(idOf(one.box), [one.uid], box);
    say({ op: 'move', box: one.box, uid: one.uid, to: box, target: targets[0] ?? -1, body: one.body });
    own.push({ box, uid: targets[0]! as Uid, body: one.body });
  } else {
    own.splice(at, 1);
    say({ op: 'leave', box: one.box, uid: one.uid, body: one.body, forGood: true });
    await mail.expunge(idOf(one.box), [one.uid], true);
    say({ op: 'expunge', box: one.box, uid: one.uid, body: one.body });
  }
}

say({ op: 'ready' });
// Three at a time, so that batches form.
await Promise.all(
  Array.from({ length: 3 }, async () => {
    for (;;) await act();
  }),
);
