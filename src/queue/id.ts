import { randomInt } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { QueueId } from './queue.ts';

const digits = (n: number, width: number): string => n.toString(36).toUpperCase().padStart(width, '0').slice(-width);

/**
 * Ids that sort by time: milliseconds, a counter, and four random characters of this process that keep it apart from others.
 * 15 characters of 0-9 A-Z.
 */
export function queueIds(clock: Clock): () => QueueId {
  const process = digits(randomInt(36 ** 4), 4);
  let count = randomInt(36 ** 3);
  return () => {
    count = (count + 1) % 36 ** 3;
    return `${digits(clock.now(), 8)}${digits(count, 3)}${process}` as QueueId;
  };
}

/** Whether `text` may name a spool file. */
export const isQueueId = (text: string): text is QueueId => /^[0-9A-Z]{6,32}$/.test(text);
