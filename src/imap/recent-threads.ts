import type { ThreadAlgorithm } from '../mail/thread.ts';
import type { View } from './view.ts';

/** Answers kept, and messages in the longest of them. */
const kept = 16;
const longest = 100_000;

interface Answer {
  readonly uids: Uint32Array;
  readonly numbers: ArrayLike<number>;
  readonly text: string;
}

/** The last answers to THREAD, the one used last at the end. Clients ask again whenever they show a list; messages never change. */
const answers = new Map<string, Answer>();

/** @param numbers what stands for each of `uids` in the answer */
export function recentThreads(
  account: string,
  { mailbox }: View,
  algorithm: ThreadAlgorithm,
  uids: Uint32Array,
  numbers: ArrayLike<number>,
): { readonly text: string | null; readonly keep: (text: string) => void } {
  const key = `${account} ${mailbox.mailboxId} ${mailbox.uidValidity} ${algorithm} ${uids === numbers}`;
  const known = answers.get(key);
  const fits = known !== undefined && same(known.uids, uids) && (uids === numbers || same(known.numbers, numbers));
  const keep = (text: string): void => {
    answers.delete(key);
    if (uids.length > longest) return;
    answers.set(key, { uids, numbers, text });
    if (answers.size > kept) answers.delete(answers.keys().next().value!);
  };
  if (fits) keep(known.text);
  return { text: fits ? known.text : null, keep };
}

function same(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
