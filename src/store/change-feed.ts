import type { ChangeFeed, ChangeHint } from './store.ts';

/** Carries hints between the sessions of one process. */
export function inProcessFeed(): ChangeFeed {
  const listeners = new Map<string, Set<(hint: ChangeHint) => void>>();
  return {
    publish(hint) {
      for (const listener of Array.from(listeners.get(hint.account) ?? [])) listener(hint);
    },
    subscribe(account, listener) {
      let known = listeners.get(account);
      if (known === undefined) {
        known = new Set();
        listeners.set(account, known);
      }
      known.add(listener);
      return () => {
        known.delete(listener);
        if (known.size === 0 && listeners.get(account) === known) listeners.delete(account);
      };
    },
  };
}
