import type { ModSeq } from '../mail/numbers.ts';
import { inProcessFeed } from '../store/change-feed.ts';
import type { ChangeFeed, ChangeHint } from '../store/store.ts';
import type { Bus } from './bus.ts';

/** Hints of this process at once; to the other workers one message a turn of the event loop, with the newest hint of each mailbox. */
export function sharedFeed(bus: Bus): ChangeFeed {
  const local = inProcessFeed();
  let waiting = new Map<string, ChangeHint>();
  bus.on('change', (message) => {
    for (const hint of message as readonly ChangeHint[]) local.publish(hint);
  });
  const flush = (): void => {
    const hints = [...waiting.values()];
    waiting = new Map();
    bus.send('change', hints);
  };
  return {
    publish(hint) {
      local.publish(hint);
      if (waiting.size === 0) setImmediate(flush);
      const key = `${hint.account}\0${hint.mailbox}`;
      const earlier = waiting.get(key);
      const modSeq = Math.max(hint.modSeq, earlier?.modSeq ?? 0) as ModSeq;
      waiting.set(key, { account: hint.account, mailbox: hint.mailbox, modSeq });
    },
    subscribe: (account, listener) => local.subscribe(account, listener),
  };
}
