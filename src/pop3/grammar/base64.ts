/** Whole, padded, of the standard alphabet: anything else would let two spellings stand for one. null where it is not. RFC 4648 4 */
export function base64(text: string): Buffer | null {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  return Buffer.from(text, 'base64');
}

/** An initial response; `=` is an empty one. RFC 5034 4 */
export function initialResponse(text: string): Buffer | null {
  return text === '=' ? Buffer.alloc(0) : base64(text);
}
