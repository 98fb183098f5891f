import { Fault } from '../../mail/fault.ts';
import type { Cursor } from './cursor.ts';
import { astring } from './format.ts';
import { decodeModifiedUtf7, encodeModifiedUtf7 } from './modified-utf7.ts';

const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** mailbox = "INBOX" / astring. Unicode; INBOX in upper case. RFC 9051 5.1 */
export function mailbox(line: Cursor): string {
  return decodeMailbox(line.astring(), line.utf8);
}

/** list-mailbox: as `mailbox`, with wildcards. */
export function listPattern(line: Cursor): string {
  const octets = line.listMailbox();
  try {
    return decodeName(octets, line.utf8);
  } catch {
    // A pattern that names nothing matches nothing.
    return '\0';
  }
}

/** Octets from the wire → Unicode name, `INBOX` in upper case. @throws Fault badName */
export function decodeMailbox(octets: string, utf8: boolean): string {
  const name = decodeName(octets, utf8);
  return /^inbox$/i.test(name) ? 'INBOX' : name;
}

function decodeName(octets: string, utf8: boolean): string {
  if (!utf8) return decodeModifiedUtf7(octets);
  if (!/[\x80-\xff]/.test(octets)) return octets;
  try {
    // Net-Unicode. RFC 9051 5.1
    return utf8Decoder.decode(Buffer.from(octets, 'latin1')).normalize('NFC');
  } catch {
    throw new Fault('badName', 'not UTF-8');
  }
}

/** Unicode name → astring, octets as latin1. */
export function formatMailbox(name: string, utf8: boolean): string {
  return astring(utf8 ? Buffer.from(name, 'utf8').toString('latin1') : encodeModifiedUtf7(name));
}

/** The arguments of a command that takes a mailbox and nothing else: `SP mailbox`. */
export function mailboxOnly(line: Cursor): string {
  line.space();
  const name = mailbox(line);
  line.end();
  return name;
}
