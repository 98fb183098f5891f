import { Fault } from '../../mail/fault.ts';
import { systemFlag } from '../../mail/flags.ts';
import type { Cursor } from './cursor.ts';

/** flag = "\Answered" / "\Flagged" / "\Deleted" / "\Seen" / "\Draft" / flag-keyword. \Recent cannot be set. RFC 9051 2.3.2 */
export function flag(line: Cursor): string {
  if (!line.accept('\\')) return keyword(line.atom());
  const name = `\\${line.atom()}`;
  const known = systemFlag(name);
  if (known === null) throw new Fault('syntax', `Invalid system flag ${name}`);
  return known;
}

function keyword(name: string): string {
  if (name.length > 255) throw new Fault('syntax', 'keyword too long');
  return name;
}

/** flag-list = "(" [flag *(SP flag)] ")" */
export function flagList(line: Cursor): string[] {
  return unique(line.list(() => flag(line)));
}

/** flag-list / (flag *(SP flag)), as STORE takes it. */
export function storeFlags(line: Cursor): string[] {
  if (line.next === '(') return flagList(line);
  const flags = [];
  do flags.push(flag(line));
  while (line.accept(' '));
  return unique(flags);
}

function unique(flags: string[]): string[] {
  if (flags.length > 1000) throw new Fault('syntax', 'too many flags');
  return [...new Set(flags)];
}
