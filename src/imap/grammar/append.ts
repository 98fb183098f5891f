import { Fault } from '../../mail/fault.ts';
import type { Cursor } from './cursor.ts';
import { dateTime, type ZonedTime } from './date.ts';
import { flagList } from './flags.ts';

/** Where a piece of a message comes from: the n-th message literal of the command, or another message by URL. RFC 4469 */
export type AppendPart = { readonly literal: number } | { readonly url: string };

export interface AppendMessage {
  readonly flags: readonly string[];
  readonly internalDate: ZonedTime | null;
  readonly parts: readonly AppendPart[];
}

const mostMessages = 1000;
const mostParts = 1000;

/**
 *     append-message = [SP flag-list] [SP date-time] SP append-data
 *     append-data    = literal / literal8 / "UTF8" SP "(" literal8 ")" / "CATENATE" SP "(" cat-part *(SP cat-part) ")"
 *
 * RFC 9051 6.3.12, RFC 3502, RFC 4469 5, RFC 6855 4
 */
export function appendMessages(line: Cursor): AppendMessage[] {
  const messages = [];
  do {
    messages.push(appendMessage(line));
    if (messages.length > mostMessages) throw new Fault('tooMany', 'messages in one APPEND');
  } while (!line.atEnd);
  return messages;
}

export function appendMessage(line: Cursor): AppendMessage {
  line.space();
  let flags: string[] = [];
  if (line.next === '(') {
    flags = flagList(line);
    line.space();
  }
  let internalDate: ZonedTime | null = null;
  if (line.next === '"') {
    internalDate = dateTime(line);
    line.space();
  }
  return { flags, internalDate, parts: appendData(line) };
}

function appendData(line: Cursor): AppendPart[] {
  if (line.accept('UTF8 (')) {
    const { index } = line.message();
    line.accept(' ');
    line.expect(')');
    return [{ literal: index }];
  }
  if (!line.accept('CATENATE ')) return [{ literal: line.message().index }];
  const parts = line.list((): AppendPart => {
    if (line.accept('URL ')) return { url: line.astring() };
    line.expect('TEXT ');
    return { literal: line.message().index };
  });
  if (parts.length === 0 || parts.length > mostParts) throw new Fault('syntax', 'CATENATE parts');
  return parts;
}
