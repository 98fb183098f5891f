import { decodeModifiedUtf7, encodeModifiedUtf7 } from '../../imap/grammar/modified-utf7.ts';
import { Fault } from '../../mail/fault.ts';

/** Octets of one name on every file system we know. */
const longest = 255;
/** Levels of a mailbox name. */
const deepest = 32;

/** INBOX in upper case; anything else as given. RFC 9051 5.1 */
export const canonicalName = (name: string): string => (name.length === 5 && name.toUpperCase() === 'INBOX' ? 'INBOX' : name);

/** @throws Fault badName where no mailbox may be called so */
export function checkName(name: string): string {
  const levels = name.split('/');
  if (levels.includes('') || levels.length > deepest) throw new Fault('badName', 'empty or too many levels');
  // A folder on disk may be so called, by others; names that look like steps through folders are not made.
  if (levels.includes('.') || levels.includes('..')) throw new Fault('badName', 'dots');
  if (/[\x00-\x1f\x7f\u2028\u2029]/.test(name) || !name.isWellFormed()) throw new Fault('badName', 'control character');
  if (Buffer.byteLength(folderOf(name)) > longest) throw new Fault('badName', 'too long');
  return canonicalName(name);
}

/** Maildir++ folder of a mailbox: '' for INBOX, `.Lists.dev` for `Lists/dev`; a dot inside a level is written as modified UTF-7. */
export function folderOf(name: string): string {
  if (canonicalName(name) === 'INBOX') return '';
  return `.${name
    .split('/')
    .map((level) => encodeModifiedUtf7(level).replaceAll('.', '&AC4-'))
    .join('.')}`;
}

/** The mailbox a folder of the disk stands for; null where it is none. */
export function nameOfFolder(folder: string): string | null {
  if (folder === '') return 'INBOX';
  if (!folder.startsWith('.') || folder.length < 2) return null;
  const levels = folder.slice(1).split('.').map(levelName);
  if (levels.some((level) => level === '' || level.includes('/'))) return null;
  const name = levels.join('/');
  return /[\x00-\x1f\x7f]/.test(name) || canonicalName(name) === 'INBOX' ? null : name;
}

/** QUIRK: some programs write folder names in plain UTF-8; those are taken as they are. */
function levelName(level: string): string {
  try {
    return decodeModifiedUtf7(level);
  } catch {
    return level;
  }
}

/** `Lists` and `Lists/dev` for `Lists/dev/x`. */
export function parents(name: string): string[] {
  const levels = name.split('/');
  return levels.slice(1).map((_, i) => levels.slice(0, i + 1).join('/'));
}
