import { isUtf8 } from 'node:buffer';
import { decodeUtf7 } from './utf7.ts';

/** Names in use that TextDecoder does not know, and those it knows as something else. */
const aliases: Readonly<Record<string, string>> = {
  cp932: 'shift_jis',
  'windows-31j': 'shift_jis',
  cp943: 'shift_jis',
  'iso-2022-jp-1': 'iso-2022-jp',
  'iso-2022-jp-2': 'iso-2022-jp',
  'iso-2022-jp-3': 'iso-2022-jp',
  'iso-2022-jp-ms': 'iso-2022-jp',
  cp50220: 'iso-2022-jp',
  cp50221: 'iso-2022-jp',
  cp51932: 'euc-jp',
  eucjp: 'euc-jp',
  'eucjp-ms': 'euc-jp',
  cp936: 'gbk',
  cp949: 'euc-kr',
  cp950: 'big5',
  big5hkscs: 'big5',
  cp1250: 'windows-1250',
  cp65001: 'utf-8',
  utf8mb4: 'utf-8',
  'utf-8-strict': 'utf-8',
  'unicode-1-1-utf-7': 'utf-7',
  utf7: 'utf-7',
  'x-utf-7': 'utf-7',
};

/** Labels that say nothing about octets above ASCII. */
const unsaid = new Set([
  '',
  'us-ascii',
  'ascii',
  'ansi_x3.4-1968',
  'ansi_x3.4-1986',
  'iso646-us',
  'unknown',
  'unknown-8bit',
  'x-unknown',
  'default',
  'default_charset',
  'none',
  '7bit',
  '8bit',
  'binary',
]);

const decoders = new Map<string, TextDecoder | null>();

function decoderOf(label: string): TextDecoder | null {
  let decoder = decoders.get(label);
  if (decoder === undefined) {
    try {
      decoder = new TextDecoder(label);
    } catch {
      decoder = null;
    }
    // Labels come from mail: the table must not grow with them.
    if (decoders.size < 256) decoders.set(label, decoder);
  }
  return decoder;
}

function canonical(charset: string): string {
  const label = charset.trim().toLowerCase();
  return Object.hasOwn(aliases, label) ? aliases[label]! : label;
}

/** Whether text in `charset` can be read; for SEARCH CHARSET. */
export function knowsCharset(charset: string): boolean {
  const label = canonical(charset);
  return label === 'utf-7' || (label !== '' && unsaid.has(label)) || decoderOf(label) !== null;
}

/**
 * Text of octets in `charset`. Never fails: what cannot be read becomes U+FFFD, and an unknown charset is taken for UTF-8 where
 * the octets are that, else for windows-1252.
 */
export function decodeCharset(bytes: Uint8Array, charset: string): string {
  const label = canonical(charset);
  if (label === 'utf-7') return decodeUtf7(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'));
  if (!unsaid.has(label)) {
    const decoder = decoderOf(label);
    if (decoder !== null) return decoder.decode(label === 'iso-2022-jp' ? withoutIdleEscapes(bytes) : bytes);
  }
  return decodeUnlabelled(bytes);
}

/** TextDecoder takes two escape sequences in a row for an attack; encoded words put together have them. */
function withoutIdleEscapes(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const tidy = text.replace(/(?:\x1b[($][@BIJ])+(?=\x1b[($][@BIJ])/g, '');
  return tidy.length === text.length ? bytes : Buffer.from(tidy, 'latin1');
}

/** UTF-8 where it is valid, else windows-1252. */
export function decodeUnlabelled(bytes: Uint8Array): string {
  return decoderOf(isUtf8(bytes) ? 'utf-8' : 'windows-1252')!.decode(bytes);
}

/** The same for latin1 text that holds octets. */
export function decodeRaw(latin1: string): string {
  // oxlint-disable-next-line no-control-regex
  return /^[\x00-\x7f]*$/.test(latin1) ? latin1 : decodeUnlabelled(Buffer.from(latin1, 'latin1'));
}

/** A decoder that takes text in pieces; `end` gives what is left. */
export function charsetDecoder(charset: string): { write(bytes: Uint8Array): string; end(): string } {
  const label = canonical(charset);
  if (label !== 'utf-7' && !unsaid.has(label)) {
    const decoder = decoderOf(label);
    if (decoder !== null) return decoder.encoding.startsWith('utf-') ? streamed(new TextDecoder(label)) : byLines(label);
  }
  if (label === 'utf-7') {
    let held = '';
    return {
      write(bytes) {
        // A shift sequence may be split: hold back from the last '+' that is not closed, within reason.
        const text = held + Buffer.from(bytes).toString('latin1');
        const open = text.lastIndexOf('+');
        const whole = open < 0 || text.length - open > 4096 || /[^A-Za-z0-9+/]/.test(text.slice(open + 1)) ? text.length : open;
        held = text.slice(whole);
        return decodeUtf7(text.slice(0, whole));
      },
      end: () => decodeUtf7(held),
    };
  }
  // Unlabelled: UTF-8 as long as it is valid, windows-1252 from the piece on that is not.
  let isWide = true;
  let tail = Buffer.alloc(0);
  const decode = (bytes: Uint8Array): string => {
    isWide &&= isUtf8(bytes);
    return decoderOf(isWide ? 'utf-8' : 'windows-1252')!.decode(bytes);
  };
  return {
    write(bytes) {
      const all = Buffer.concat([tail, bytes]);
      const whole = all.length - (isWide ? unfinished(all) : 0);
      tail = all.subarray(whole);
      return decode(all.subarray(0, whole));
    },
    end: () => decode(tail),
  };
}

const streamed = (decoder: TextDecoder): { write(bytes: Uint8Array): string; end(): string } => ({
  write: (bytes) => decoder.decode(bytes, { stream: true }),
  end: () => decoder.decode(),
});

/** Octets of an unfinished line that are held back. */
const longestLine = 1 << 16;

/**
 * Whole lines: in no charset is LF a part of a character.
 *
 * QUIRK: TextDecoder with `stream` throws for broken gb18030, gbk, euc-jp and iso-2022-jp that it reads when it is whole (Node 26.10, 2026-11).
 */
function byLines(label: string): { write(bytes: Uint8Array): string; end(): string } {
  let held: Uint8Array[] = [];
  let length = 0;
  const text = (): string => {
    const whole = Buffer.concat(held);
    held = [];
    length = 0;
    return decodeCharset(whole, label);
  };
  const hold = (bytes: Uint8Array): void => {
    held.push(Buffer.from(bytes));
    length += bytes.length;
  };
  return {
    write(bytes) {
      const end = bytes.lastIndexOf(10) + 1;
      const fits = length + bytes.length <= longestLine;
      if (end === 0) {
        hold(bytes);
        return fits ? '' : text();
      }
      hold(bytes.subarray(0, end));
      const lines = text();
      hold(bytes.subarray(end));
      return lines;
    },
    end: text,
  };
}

/** Octets at the end that begin a UTF-8 character and do not end it. */
function unfinished(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const octet = bytes[bytes.length - back]!;
    if (octet < 0x80) return 0;
    if (octet >= 0xc0) return back < (octet >= 0xf0 ? 4 : octet >= 0xe0 ? 3 : 2) ? back : 0;
  }
  return 0;
}
