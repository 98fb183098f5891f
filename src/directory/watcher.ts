import type { Log } from '../base/log.ts';
import type { Database } from '../db/open.ts';
import { dataVersion } from '../db/transaction.ts';

type Listener = (address: string | null) => void;

/** Tells listeners of committed changes: ours at once, other connections' within `interval` milliseconds. Costs nothing while nobody listens. */
export function watcher(db: Database, interval: number, log: Log) {
  const listeners = new Set<Listener>();
  let timer: NodeJS.Timeout | undefined;
  let version = 0;

  const announce = (address: string | null): void => {
    for (const listener of listeners) listener(address);
  };
  const look = (): void => {
    try {
      const now = dataVersion(db);
      if (now === version) return;
      version = now;
    } catch (error) {
      log.error({ err: error }, 'directory cannot be read');
      return;
    }
    announce(null);
  };
  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
    listeners.clear();
  };
  const watch = (listener: Listener): (() => void) => {
    // A function of its own for each call, so that one listener may watch twice.
    const entry: Listener = (address) => listener(address);
    listeners.add(entry);
    if (timer === undefined) {
      version = dataVersion(db);
      timer = setInterval(look, interval);
      timer.unref();
    }
    return () => {
      listeners.delete(entry);
      if (listeners.size === 0) stop();
    };
  };
  return { watch, announce, stop };
}
