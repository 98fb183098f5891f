import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { firstKeywordBit, flagBits, lettered } from '../../mail/flags.ts';

/** What a message's file name says. */
export interface FileName {
  /** Before the first comma or colon: names the message wherever it lies. */
  readonly unique: string;
  /** Octets, from `S=`. */
  readonly size: number | null;
  /** Octets with CRLF, from `W=`. */
  readonly virtualSize: number | null;
  /** From `N=`. */
  readonly uidValidity: number | null;
  readonly uid: number | null;
  /** Between the unique part and the colon, `N=` left out: `,S=1,W=2`. */
  readonly fields: string;
  /** Letters after `:2,`; null without. */
  readonly letters: string | null;
}

export function parseFileName(name: string): FileName {
  const colon = name.indexOf(':');
  const base = colon === -1 ? name : name.slice(0, colon);
  const info = colon === -1 ? '' : name.slice(colon + 1);
  const comma = base.indexOf(',');
  const unique = comma === -1 ? base : base.slice(0, comma);
  let size: number | null = null;
  let virtualSize: number | null = null;
  let uidValidity: number | null = null;
  let uid: number | null = null;
  let fields = '';
  for (const field of comma === -1 ? [] : base.slice(comma + 1).split(',')) {
    const number = /^N=([0-9a-z]{1,7})\.([1-9]\d{0,9})$/.exec(field);
    if (number !== null) {
      uidValidity = Number.parseInt(number[1]!, 36);
      uid = Number(number[2]);
      if (uid > 0xffff_ffff || uidValidity > 0xffff_ffff) uid = uidValidity = null;
      continue;
    }
    if (/^S=\d{1,15}$/.test(field)) size = Number(field.slice(2));
    else if (/^W=\d{1,15}$/.test(field)) virtualSize = Number(field.slice(2));
    fields += `,${field}`;
  }
  return { unique, size, virtualSize, uidValidity, uid, fields, letters: info.startsWith('2,') ? info.slice(2) : null };
}

/** Whether a row's file is a name below `new/` or `cur/` that carries this UID: only a damaged index says anything else. */
export function isNameOf(file: string, uidValidity: number, uid: number): boolean {
  if (!(file.startsWith('new/') || file.startsWith('cur/')) || file.includes('/', 4) || file.includes('\0')) return false;
  const colon = file.indexOf(':');
  const base = colon === -1 ? file : file.slice(0, colon);
  if (base.endsWith(`,N=${uidValidity.toString(36)}.${uid}`)) return true;
  const parsed = parseFileName(splitPath(file).name);
  return parsed.uid === uid && parsed.uidValidity === uidValidity;
}

/** The same for a row whose file may wait elsewhere to be moved: that one shares its first part. */
export const isOwn = (
  mailbox: { readonly uidValidity: number },
  { uid, file, origin }: { readonly uid: number; readonly file: string; readonly origin: string | null },
): boolean =>
  isNameOf(file, mailbox.uidValidity, uid) &&
  (origin === null ||
    (!origin.split('/').includes('..') &&
      parseFileName(origin.slice(origin.lastIndexOf('/') + 1)).unique === parseFileName(splitPath(file).name).unique));

/** The name without its info: what stays while flags change. */
export function baseName(parsed: Pick<FileName, 'unique' | 'fields'>, uidValidity: number, uid: number): string {
  return `${parsed.unique}${parsed.fields},N=${uidValidity.toString(36)}.${uid}`;
}

/** Name below the folder, `cur/NAME:2,FLAGS` or `new/NAME`, split. */
export function splitPath(file: string): { readonly folder: 'new' | 'cur'; readonly name: string } {
  return { folder: file.startsWith('new/') ? 'new' : 'cur', name: file.slice(4) };
}

const letterBits: Record<string, number> = {
  D: flagBits['\\Draft'],
  F: flagBits['\\Flagged'],
  R: flagBits['\\Answered'],
  S: flagBits['\\Seen'],
  T: flagBits['\\Deleted'],
};

/** Flag bits of the letters after `:2,`. */
export function bitsOfLetters(letters: string): number {
  let bits = 0;
  for (const letter of letters) {
    const code = letter.charCodeAt(0) - 97;
    if (code >= 0 && code < lettered) bits |= 1 << (firstKeywordBit + code);
    else bits |= letterBits[letter] ?? 0;
  }
  return bits;
}

/** Letters for flag bits, in ASCII order; those of `kept` that are no flag of ours (P, for one) stay. */
export function lettersOfBits(bits: number, kept = ''): string {
  const letters = new Set(kept.split('').filter((letter) => letterBits[letter] === undefined && !/[a-z]/.test(letter)));
  for (const [letter, bit] of Object.entries(letterBits)) if ((bits & bit) !== 0) letters.add(letter);
  for (let n = 0; n < lettered; n++) if ((bits & (1 << (firstKeywordBit + n))) !== 0) letters.add(String.fromCharCode(97 + n));
  return [...letters].sort().join('');
}

/** Where a message's file belongs, below its folder. One without flags that was never touched stays in `new/`. */
export function placeOf(file: string, bits: number): string {
  const { folder, name } = splitPath(file);
  const colon = name.indexOf(':');
  const base = colon === -1 ? name : name.slice(0, colon);
  if (folder === 'new' && colon === -1 && bits === 0) return file;
  const info = colon === -1 ? '' : name.slice(colon + 1);
  return `cur/${base}:2,${lettersOfBits(bits, info.startsWith('2,') ? info.slice(2) : '')}`;
}

const host = hostname().replace(/[/:,]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`) || 'localhost';
let counter = 0;
let pool = Buffer.alloc(0);
let used = 0;

/** A name no other file has: time, process, counter, chance, host. */
export function uniqueName(now: number): string {
  if (used + 6 > pool.length) {
    pool = randomBytes(6 * 256);
    used = 0;
  }
  const random = pool.toString('hex', used, used + 6);
  used += 6;
  const seconds = Math.floor(now / 1000);
  const micros = Math.floor((now % 1000) * 1000) + (Number(process.hrtime.bigint() % 1000n) | 0);
  return `${seconds}.M${micros}P${process.pid}Q${++counter}R${random}.${host}`;
}
