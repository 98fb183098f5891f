import { readFileSync } from 'node:fs';

/** Descriptors for mail, indexes and the queue, where there are enough. */
const forFiles = 2048;
/** Of them, what a worker has open whatever it does. */
const always = 64;
/** Of an open account: the index with WAL and SHM, by reader and writer. */
const perAccount = 6;

/** What this process may have open: connections, and accounts whose index stays open. */
export interface Room {
  readonly connections: number;
  readonly accounts: number;
}

/** Connections beyond these would be closed without a word, and files could not be opened for those that are there. */
export function roomIn(limit: number): Room {
  const files = Math.min(Math.floor(limit / 2), forFiles);
  return { connections: limit - files, accounts: Math.max(4, Math.floor((files - always) / perAccount)) };
}

/** Of the limit that is in force for this process; without bounds where the system does not tell. */
export function descriptorRoom(): Room {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    if (soft !== undefined) return roomIn(Number(soft));
  } catch {}
  return { connections: Number.MAX_SAFE_INTEGER, accounts: Number.MAX_SAFE_INTEGER };
}
