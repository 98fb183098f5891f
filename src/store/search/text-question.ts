import { casemap } from '../../mail/casemap.ts';
import { fieldBody, splitHeader } from '../../mail/header/fields.ts';
import type { Part } from '../../mail/mime/part.ts';
import { bodyText, fieldText, headerText, type ReadOctets } from '../../mail/mime/text.ts';
import type { SearchKey } from '../../mail/search.ts';

/** A search key that only the text of a message can answer. */
export type TextQuestion = Extract<SearchKey, { readonly kind: 'header' | 'body' | 'text' }>;

/** Whether the message itself says yes. RFC 9051 6.4.4 @param header raw, as in the file @param root not needed for a question about the header */
export function answers(question: TextQuestion, header: string, root: Part | null, read: ReadOctets): boolean {
  const needle = casemap(question.text);
  if (question.kind === 'header') return inField(header, question.field, needle);
  if (question.kind === 'text' && casemap(headerText(header)).includes(needle)) return true;
  return root !== null && inBody(root, read, needle);
}

function inField(header: string, field: string, needle: string): boolean {
  return splitHeader(header).some(
    (one) => one.key === field && (needle === '' || casemap(fieldText(field, fieldBody(header, one))).includes(needle)),
  );
}

function inBody(root: Part, read: ReadOctets, needle: string): boolean {
  let before = '';
  for (const { text, joins } of bodyText(root, read)) {
    const piece = (joins ? before : '') + casemap(text);
    if (piece.includes(needle)) return true;
    before = needle.length > 1 ? piece.slice(1 - needle.length) : '';
  }
  return false;
}
