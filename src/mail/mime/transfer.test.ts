import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '../../../test/support/runs.ts';
import { decodeTransfer, transferDecoder } from './transfer.ts';

function inPieces(bytes: Buffer, encoding: string, sizes: number[]): Buffer {
  const decoder = transferDecoder(encoding);
  const out: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const next = at + sizes[i % sizes.length]!;
    out.push(Buffer.from(decoder.write(bytes.subarray(at, next))));
    at = next;
  }
  out.push(decoder.end());
  return Buffer.concat(out);
}
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 });

describe('transfer decoding', () => {
  it.each([
    ['quoted-printable', 'a=3Db=\nc=\r\nd', 'a=bcd'],
    ['quoted-printable', 'trail \t\nnext  \r\nend ', 'trail\nnext\r\nend '],
    ['quoted-printable', 'soft= \t\nline', 'softline'],
    ['quoted-printable', 'bad =ZZ =4', 'bad =ZZ =4'],
    ['quoted-printable', '=e4=E4', '\xe4\xe4'],
    ['base64', 'aGVs\r\nbG8=', 'hello'],
    ['base64', 'aGVsbG8', 'hello'],
    ['base64', 'aGVsbG8=aGVsbG8=', 'hellohello'],
    ['base64', 'a!G@V#s*bG8=', 'hello'],
    ['x-uuencode', 'begin 644 x.txt\n%:&5L;&\\\n`\nend\nafter', 'hello'],
    ['7bit', 'as is', 'as is'],
    ['x-unknown', 'as is', 'as is'],
  ])('%s of %j', (encoding, text, expected) => {
    expect(decodeTransfer(Buffer.from(text, 'latin1'), encoding).toString('latin1')).toBe(expected);
  });

  it('reads base64 back, however it is cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), sizes, (octets, cut) => {
        const text = Buffer.from(Buffer.from(octets).toString('base64').replace(/.{20}/g, '$&\r\n'));
        expect(inPieces(text, 'base64', cut)).toEqual(Buffer.from(octets));
      }),
    );
  });

  it('is the same however quoted-printable and uuencode are cut', () => {
    const piece = fc.constantFrom('=', '=3D', '3', 'D', ' ', '\t', '\n', '\r\n', '\r', 'a', '=\n', '= \r\n');
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 60 }),
        sizes,
        fc.constantFrom('quoted-printable', 'x-uuencode', 'base64'),
        (pieces, cut, encoding) => {
          const bytes = Buffer.from(pieces.join(''));
          expect(inPieces(bytes, encoding, cut).toString('latin1')).toBe(decodeTransfer(bytes, encoding).toString('latin1'));
        },
      ),
      { numRuns: runs(3000) },
    );
  });
});
