import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';

/** Milliseconds that events are gathered. */
const gather = 10;
/** Milliseconds between looks where the system cannot tell of changes. */
const pollInterval = 2000;

/** Hears of changes in a mailbox's `new/` and `cur/`. @returns stop */
export function watchFolder(path: string, onChange: () => void): () => void {
  let timer: NodeJS.Timeout | null = null;
  let poll: NodeJS.Timeout | null = null;
  let isStopped = false;
  const changed = (): void => {
    if (isStopped) return;
    timer ??= setTimeout(() => {
      timer = null;
      if (!isStopped) onChange();
    }, gather);
  };
  const fall = (): void => {
    if (isStopped) return;
    poll ??= setInterval(onChange, pollInterval).unref();
  };
  const watchers: FSWatcher[] = [];
  for (const part of ['new', 'cur']) {
    try {
      const watcher = watch(join(path, part), { persistent: false }, changed);
      watcher.on('error', () => {
        watcher.close();
        fall();
      });
      watchers.push(watcher);
    } catch {
      fall();
    }
  }
  return () => {
    isStopped = true;
    if (timer !== null) clearTimeout(timer);
    if (poll !== null) clearInterval(poll);
    for (const watcher of watchers) watcher.close();
  };
}
