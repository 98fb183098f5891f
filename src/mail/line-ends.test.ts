import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CrlfWindow, CrlfWriter, LfWriter, toCrlf } from './line-ends.ts';

const bytes = fc
  .array(fc.constantFrom('\r', '\n', 'a', 'bc', '\r\n', 'eight or more', '\x0b\x00\x8a\x09\xff\x80'), { maxLength: 60 })
  .map((pieces) => Buffer.from(pieces.join(''), 'latin1'));
const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 });

function* sliced(whole: Buffer, sizes: number[]): Generator<Buffer> {
  for (let at = 0, i = 0; at < whole.length; at += sizes[i++ % sizes.length]!) yield whole.subarray(at, at + sizes[i % sizes.length]!);
}

describe('line ends', () => {
  it('become CRLF, however the octets are cut', () => {
    fc.assert(
      fc.property(bytes, cuts, (whole, sizes) => {
        const expected = whole.toString('latin1').replace(/(?<!\r)\n/g, '\r\n');
        const writer = new CrlfWriter();
        expect(Buffer.concat([...sliced(whole, sizes)].map((piece) => writer.write(piece))).toString('latin1')).toBe(expected);
      }),
    );
  });

  it('become the same in a room of their own', () => {
    fc.assert(
      fc.property(bytes, cuts, (whole, sizes) => {
        const [writer, other] = [new CrlfWriter(), new CrlfWriter()];
        for (const piece of sliced(whole, sizes)) {
          const room = Buffer.alloc(2 * piece.length);
          expect(room.subarray(0, writer.writeTo(room, piece))).toEqual(Buffer.from(other.write(piece)));
        }
      }),
    );
  });

  it('become CRLF in long texts', () => {
    const text = Array.from({ length: 20_000 }, (_, n) => `line ${n}\n`).join('');
    expect(toCrlf(Buffer.from(text)).toString() === text.replaceAll('\n', '\r\n')).toBe(true);
  });

  it('become LF and back', () => {
    fc.assert(
      fc.property(bytes, cuts, (whole, sizes) => {
        const writer = new LfWriter();
        const lf = Buffer.concat([...[...sliced(whole, sizes)].map((piece) => writer.write(piece)), writer.end()]);
        expect(lf.toString('latin1')).toBe(whole.toString('latin1').replaceAll('\r\n', '\n'));
      }),
    );
  });

  it('give any window', () => {
    fc.assert(
      fc.property(bytes, cuts, fc.nat(80), fc.nat(80), (whole, sizes, offset, length) => {
        const window = new CrlfWindow(offset, length);
        const got = Buffer.concat([...sliced(whole, sizes)].map((piece) => window.write(piece)));
        expect(got).toEqual(toCrlf(whole).subarray(offset, offset + length));
      }),
    );
  });
});
