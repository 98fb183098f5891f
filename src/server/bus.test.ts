import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { MailboxId, ModSeq } from '../mail/numbers.ts';
import type { ChangeHint } from '../store/store.ts';
import { type BusEnd, createBus } from './bus.ts';
import { sharedFeed } from './change-feed.ts';

const hint = (mailbox: number, modSeq: number): ChangeHint => ({
  account: 'ann@example.com',
  mailbox: mailbox as MailboxId,
  modSeq: modSeq as ModSeq,
});

describe('change feed of several workers', () => {
  it('tells its own sessions at once and the others once a turn, the newest of each mailbox', async () => {
    const sent: unknown[] = [];
    const there: BusEnd = createBus();
    const here = createBus((topic, message) => {
      sent.push(message);
      there.receive(topic, JSON.parse(JSON.stringify(message)));
    });
    const feed = sharedFeed(here);
    const own: ChangeHint[] = [];
    const theirs: ChangeHint[] = [];
    feed.subscribe('ann@example.com', (h) => own.push(h));
    const stop = sharedFeed(there).subscribe('ann@example.com', (h) => theirs.push(h));
    feed.publish(hint(1, 5));
    feed.publish(hint(1, 7));
    feed.publish(hint(2, 6));
    expect(own).toHaveLength(3);
    await turn();
    expect(sent).toHaveLength(1);
    expect(theirs).toEqual([hint(1, 7), hint(2, 6)]);
    stop();
    feed.publish(hint(1, 8));
    await turn();
    expect(theirs).toHaveLength(2);
  });
});
