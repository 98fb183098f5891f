import { Refusal } from '../faults.ts';

/** Whole, padded, of the standard alphabet: anything else would let two spellings stand for one. RFC 4648 4 */
export function base64(text: string): Buffer {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw new Refusal('syntax', (texts) => texts.badBase64);
  return Buffer.from(text, 'base64');
}

/** An initial response; `=` is an empty one. RFC 5034 4 */
export function initialResponse(text: string): Buffer {
  return text === '=' ? Buffer.alloc(0) : base64(text);
}
