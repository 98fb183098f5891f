import { casemap } from '../../mail/casemap.ts';
import { fieldBody, splitHeader } from '../../mail/header/fields.ts';
import type { Part } from '../../mail/mime/part.ts';
import { mimeLimits } from '../../mail/mime/reader.ts';
import { bodyText, fieldText, headerText, type ReadOctets } from '../../mail/mime/text.ts';
import { isSearchField, type SearchField } from '../tables/search.ts';

/** Octets of a body's text that are kept; longer ones are looked through in the file. */
const longestBody = 512 << 10;

/** What the index keeps of one message. */
export interface MessageWords {
  readonly fields: Readonly<Record<SearchField, Buffer | null>>;
  readonly head: Buffer;
  readonly body: Buffer;
  readonly whole: boolean;
}

const octets = (text: string): Buffer => Buffer.from(casemap(text));

/** @param header raw, as in the file */
export function messageWords(root: Part, header: Buffer, read: ReadOctets): MessageWords {
  const raw = header.toString('latin1', 0, mimeLimits.header);
  const texts = new Map<SearchField, string>();
  for (const field of splitHeader(raw)) {
    if (!isSearchField(field.key)) continue;
    const text = fieldText(field.key, fieldBody(raw, field));
    const before = texts.get(field.key);
    texts.set(field.key, before === undefined ? text : `${before}\n${text}`);
  }
  const field = (name: SearchField): Buffer | null => {
    const text = texts.get(name);
    return text === undefined ? null : octets(text);
  };
  const pieces: Buffer[] = [];
  let room = longestBody;
  let run = '';
  for (const { text, joins } of bodyText(root, read)) {
    // Casemapping in pieces could part a letter from its accent.
    if (joins) run += text;
    else {
      room -= keep(pieces, run);
      run = text;
    }
    if (room - run.length <= 0) break;
  }
  keep(pieces, run);
  const body = Buffer.concat(pieces);
  return {
    fields: { subject: field('subject'), from: field('from'), to: field('to'), cc: field('cc'), bcc: field('bcc') },
    head: octets(headerText(raw)),
    body: body.subarray(0, longestBody),
    whole: body.length <= longestBody && room - run.length > 0,
  };
}

/** Runs of text are parted by a line end, so that nothing is found across them. */
function keep(pieces: Buffer[], run: string): number {
  if (run === '') return 0;
  const text = octets(`${run}\n`);
  pieces.push(text);
  return text.length;
}
