import { messageFacts } from '../mail/mime/facts.ts';
import type { Part } from '../mail/mime/part.ts';

const encodingField = /^(content-transfer-encoding[ \t]*:[ \t]*)binary/im;

/**
 * The message with its binary parts in base64, so that line ends and NULs in them survive and BODY[] can show them.
 * RFC 3516 4.4 lets a server store another encoding as long as BINARY gives back the octets.
 */
export function encodeBinaryParts(message: Buffer): Buffer {
  if (!encodingField.test(message.toString('latin1'))) return message;
  const parts: Part[] = [];
  const leaves = (part: Part): void => {
    if (part.parts !== undefined) for (const child of part.parts) leaves(child);
    else if (part.message !== undefined) leaves(part.message.root);
    else if (part.encoding === 'binary') parts.push(part);
  };
  leaves(messageFacts(message).root);
  const pieces: Buffer[] = [];
  let at = 0;
  for (const { header, start, end } of parts) {
    const fields = message.subarray(header, start).toString('latin1').replace(encodingField, '$1base64');
    const text = message.subarray(start, end).toString('base64').replace(/.{76}/g, '$&\r\n');
    pieces.push(message.subarray(at, header), Buffer.from(fields, 'latin1'), Buffer.from(text, 'latin1'));
    at = end;
  }
  pieces.push(message.subarray(at));
  return Buffer.concat(pieces);
}
