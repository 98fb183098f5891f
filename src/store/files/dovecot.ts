import { readFileSync } from 'node:fs';
import { join } from 'node:path';

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
    text = readFileSync(join(folder, 'dovecot-uidlist'), 'utf8');
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
