import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { replaceFile } from '../../base/durable-file.ts';
import { readPlainFile } from '../../base/plain-file.ts';

/** What Dovecot knew of a folder. */
export interface DovecotUids {
  readonly uidValidity: number;
  readonly uidNext: number;
  /** By file name, up to its colon. */
  readonly uids: ReadonlyMap<string, number>;
}

const line = /^([1-9]\d{0,9})(?: [A-Z][^ ]*)* :(.+)$/;

/** Reads `dovecot-uidlist`, version 3: `3 V<uidvalidity> N<next uid> G<guid>`, then `<uid> [fields] :<file>`. null where there is none that can be used. */
export function readDovecotUids(folder: string): DovecotUids | null {
  let text: string;
  try {
    text = readPlainFile(join(folder, 'dovecot-uidlist'));
  } catch {
    return null;
  }
  const lines = text.split('\n');
  const fields = lines[0]!.split(' ');
  const number = (letter: string): number => Number(fields.find((field) => field.startsWith(letter))?.slice(1) ?? 0);
  const [uidValidity, uidNext] = [number('V'), number('N')];
  if (fields[0] !== '3' || !isNumber(uidValidity) || !isNumber(uidNext)) return null;
  const uids = new Map<string, number>();
  for (const entry of lines.slice(1)) {
    const match = line.exec(entry);
    if (match === null) continue;
    const uid = Number(match[1]);
    if (uid < uidNext) uids.set(match[2]!.split(':', 1)[0]!, uid);
  }
  return { uidValidity, uidNext, uids };
}

const isNumber = (value: number): boolean => Number.isInteger(value) && value > 0 && value <= 0xffff_ffff;

export interface DovecotEntry {
  readonly uid: number;
  /** File name up to its colon. */
  readonly base: string;
  /** What POP3 clients know the message by, where that is not what Dovecot would say; else null. */
  readonly uidl: string | null;
}

/** Writes `dovecot-uidlist`, version 3; the folder's GUID stays. `entries` in UID order. Durable on return. */
export function writeDovecotUids(folder: string, uidValidity: number, uidNext: number, entries: readonly DovecotEntry[]): void {
  const path = join(folder, 'dovecot-uidlist');
  let guid = randomBytes(16).toString('hex');
  try {
    guid = /^3 .*\bG([0-9a-f]{32})\b/.exec(readPlainFile(path, 'latin1').split('\n', 1)[0]!)?.[1] ?? guid;
  } catch {}
  const lines = entries.map(({ uid, base, uidl }) => `${uid}${uidl === null ? '' : ` P${uidl}`} :${base}\n`);
  replaceFile(path, `3 V${uidValidity} N${uidNext} G${guid}\n${lines.join('')}`, join(folder, 'tmp', `dovecot-uidlist.${process.pid}`));
}
