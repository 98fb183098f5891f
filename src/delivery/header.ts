import { open } from 'node:fs/promises';
import type { Staged } from '../base/staging.ts';

/** Octets of a header that are looked at; what stands further on counts as body. */
const headerLimit = 1 << 20;

/** What the LDA needs to know of a header. */
export interface HeaderFacts {
  /** Hops so far. RFC 5321 6.3 */
  readonly received: number;
  /** Lower case, of all Delivered-To fields. */
  readonly deliveredTo: readonly string[];
  /** '' where there is none. */
  readonly messageId: string;
  readonly hasDate: boolean;
  readonly hasFrom: boolean;
}

/** One pass over the message's header. */
export async function headerFacts(message: Staged): Promise<HeaderFacts> {
  const text = await headerText(message);
  const deliveredTo: string[] = [];
  let received = 0;
  let messageId = '';
  let hasDate = false;
  let hasFrom = false;
  for (let at = 0; at < text.length; ) {
    let end = text.indexOf('\n', at);
    if (end === -1) end = text.length;
    // Only the first letters tell most lines apart; the rest is compared for few.
    switch (text.charCodeAt(at) | 0x20) {
      case 0x72:
        if (named(text, at, 'received:')) received++;
        break;
      case 0x64:
        if (named(text, at, 'delivered-to:')) deliveredTo.push(value(text, at + 13, end).toLowerCase());
        else if (named(text, at, 'date:')) hasDate = true;
        break;
      case 0x6d:
        if (named(text, at, 'message-id:')) messageId ||= value(text, at + 11, end) || folded(text, end);
        break;
      case 0x66:
        if (named(text, at, 'from:')) hasFrom = true;
        break;
    }
    at = end + 1;
  }
  return { received, deliveredTo, messageId, hasDate, hasFrom };
}

function named(text: string, at: number, name: string): boolean {
  return text.slice(at, at + name.length).toLowerCase() === name;
}

function value(text: string, from: number, to: number): string {
  return text.slice(from, Math.min(to, from + 998)).trim();
}

/** The value stands on the next line (QUIRK: long Message-IDs of Outlook and others). */
function folded(text: string, end: number): string {
  const next = text.indexOf('\n', end + 1);
  return /^[ \t]/.test(text.slice(end + 1, end + 2)) ? value(text, end + 1, next === -1 ? text.length : next) : '';
}

async function headerText(message: Staged): Promise<string> {
  if (message.file === null) return upToEmptyLine(message.chunks);
  const file = await open(message.file, 'r');
  try {
    const size = Math.min(message.size, headerLimit);
    const head = Buffer.allocUnsafe(Math.min(size, 64 << 10));
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    const first = head.subarray(0, bytesRead);
    if (first.includes('\n\n') || size <= head.length) return upToEmptyLine([first]);
    const all = Buffer.allocUnsafe(size);
    return upToEmptyLine([all.subarray(0, (await file.read(all, 0, size, 0)).bytesRead)]);
  } finally {
    await file.close();
  }
}

function upToEmptyLine(chunks: readonly Uint8Array[]): string {
  let text = '';
  for (const chunk of chunks) {
    const before = text.length;
    text += Buffer.from(chunk.buffer, chunk.byteOffset, Math.min(chunk.length, headerLimit - text.length)).toString('latin1');
    if (text.startsWith('\n')) return '';
    const end = text.indexOf('\n\n', Math.max(0, before - 1));
    if (end !== -1) return text.slice(0, end + 1);
    if (text.length >= headerLimit) break;
  }
  return text;
}
