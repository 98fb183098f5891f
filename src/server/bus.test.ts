import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import type { MailboxId, ModSeq } from '../mail/numbers.ts';
import type { ChangeHint } from '../store/store.ts';
import { type BusEnd, createBus } from './bus.ts';
import { sharedFeed } from './change-feed.ts';

const ann = 'ann@example.com';
const hint = (mailbox: number, modSeq: number, account = ann): ChangeHint => ({
  account,
  mailbox: mailbox as MailboxId,
  modSeq: modSeq as ModSeq,
});

/** Workers whose messages pass as JSON, one turn later; `passed` are the hints among them. */
function workers(count: number) {
  const passed: { readonly from: number; readonly to: number; readonly hints: unknown }[] = [];
  const ends: (BusEnd | undefined)[] = [];
  const start = (from: number) => {
    const end = createBus((topic, message, to) => {
      for (const [other, there] of ends.entries()) {
        if (there === undefined || other === from || to?.includes(other) === false) continue;
        if (topic === 'change') passed.push({ from, to: other, hints: message });
        setImmediate(() => there.receive(topic, JSON.parse(JSON.stringify(message)), from));
      }
    });
    ends[from] = end;
    return sharedFeed(end);
  };
  return { feeds: Array.from({ length: count }, (_, i) => start(i)), start, passed };
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 4; i++) await turn();
};

describe('change feed of several workers', () => {
  it('tells its own sessions at once and the others once a turn, the newest of each mailbox', async () => {
    const { feeds, passed } = workers(2);
    const own: ChangeHint[] = [];
    const theirs: ChangeHint[] = [];
    feeds[0]!.subscribe(ann, (h) => own.push(h));
    const stop = feeds[1]!.subscribe(ann, (h) => theirs.push(h));
    await turns();
    feeds[0]!.publish(hint(1, 5));
    feeds[0]!.publish(hint(1, 7));
    feeds[0]!.publish(hint(2, 6));
    expect(own).toHaveLength(3);
    await turns();
    expect(passed).toHaveLength(1);
    expect(theirs).toEqual([hint(1, 7), hint(2, 6)]);
    stop();
    feeds[0]!.publish(hint(1, 8));
    await turns();
    expect(theirs).toHaveLength(2);
  });

  it('tells nobody of what nobody listens to, and only those who do', async () => {
    const { feeds, passed } = workers(3);
    feeds[2]!.subscribe(ann, () => {});
    await turns();
    feeds[0]!.publish(hint(1, 5, 'bob@example.com'));
    feeds[0]!.publish(hint(1, 5));
    await turns();
    expect(passed).toEqual([{ from: 0, to: 2, hints: [hint(1, 5)] }]);
  });

  it('tells a session that has just begun what happened while the others did not know of it', async () => {
    const { feeds } = workers(2);
    const theirs: ChangeHint[] = [];
    feeds[1]!.subscribe(ann, (h) => theirs.push(h));
    feeds[0]!.publish(hint(1, 5));
    await turns();
    expect(theirs).toEqual([hint(1, 5)]);
  });

  it('asks as a new worker who listens, and is known no more for what its predecessor heard', async () => {
    const { feeds, start, passed } = workers(2);
    const theirs: ChangeHint[] = [];
    feeds[0]!.subscribe(ann, (h) => theirs.push(h));
    feeds[1]!.subscribe('bob@example.com', () => {});
    await turns();
    const replaced = start(1);
    await turns();
    replaced.publish(hint(1, 5));
    feeds[0]!.publish(hint(1, 5, 'bob@example.com'));
    await turns();
    expect(theirs).toEqual([hint(1, 5)]);
    expect(passed).toHaveLength(1);
  });

  it('is told no more a while after its last session left, but at once again when one comes back before', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { feeds, passed } = workers(2);
      feeds[1]!.subscribe(ann, () => {})();
      await turns();
      feeds[1]!.subscribe(ann, () => {});
      const stop = feeds[1]!.subscribe('bob@example.com', () => {});
      stop();
      stop();
      await turns();
      vi.advanceTimersByTime(6000);
      await turns();
      feeds[0]!.publish(hint(1, 5));
      feeds[0]!.publish(hint(1, 5, 'bob@example.com'));
      await turns();
      expect(passed).toEqual([{ from: 0, to: 1, hints: [hint(1, 5)] }]);
    } finally {
      vi.useRealTimers();
    }
  });
});
