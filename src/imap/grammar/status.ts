import { Fault } from '../../mail/fault.ts';
import type { Cursor } from './cursor.ts';

const names = [
  'MESSAGES',
  'RECENT',
  'UIDNEXT',
  'UIDVALIDITY',
  'UNSEEN',
  'DELETED',
  'SIZE',
  'HIGHESTMODSEQ',
  'APPENDLIMIT',
  'MAILBOXID',
  'DELETED-STORAGE',
] as const;

export type StatusItem = (typeof names)[number];

/** "(" status-att *(SP status-att) ")". RFC 9051 6.3.11, RFC 7162 7, RFC 8438, RFC 7889, RFC 8474, RFC 9208 */
export function statusItems(line: Cursor): StatusItem[] {
  const items = line.list(() => {
    const word = line.atom().toUpperCase();
    return names.find((name) => name === word) ?? raise(word);
  });
  if (items.length === 0) throw new Fault('syntax', 'status items');
  return [...new Set(items)];
}

function raise(word: string): never {
  throw new Fault('syntax', `Unknown status item ${word}`);
}
