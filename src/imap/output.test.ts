import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Connection } from '../net/connection.ts';
import { Output } from './output.ts';

type Step =
  | { readonly text: string }
  | { readonly bytes: Buffer }
  | { readonly literal: Buffer; readonly label: string; readonly off: number }
  | 'flush';

const latin1 = (max: number) => fc.uint8Array({ maxLength: max, size: 'max' }).map((octets) => Buffer.from(octets));
/** Many line ends, of all kinds. */
const lines = fc.array(fc.constantFrom('\n', '\r\n', '\r', 'x', '\xff', 'a longer piece of text', 'y'.repeat(7000)), { maxLength: 40 });
const step: fc.Arbitrary<Step> = fc.oneof(
  latin1(3000).map((text) => ({ text: text.toString('latin1') })),
  latin1(20_000).map((bytes) => ({ bytes })),
  fc.record({
    literal: lines.map((parts) => Buffer.from(parts.join(''), 'latin1')),
    label: fc.constantFrom('BODY[]', 'RFC822'),
    off: fc.constantFrom(0, 0, 0, 1, 95, -1),
  }),
  fc.constant<Step>('flush'),
);

it('sends what was written in the order it was written, whatever it was', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const sent: Buffer[] = [];
      const connection = {
        pendingOutput: 0,
        write: (data: string | Uint8Array, encoding?: BufferEncoding) =>
          void sent.push(typeof data === 'string' ? Buffer.from(data, encoding) : Buffer.from(data)),
      };
      const out = new Output(connection as unknown as Connection);
      const wanted: Buffer[] = [];
      for (const one of steps) {
        if (one === 'flush') out.flush();
        else if ('text' in one) {
          out.text(one.text);
          wanted.push(Buffer.from(one.text, 'latin1'));
        } else if ('bytes' in one) {
          out.bytes(one.bytes);
          wanted.push(one.bytes);
        } else {
          const octets = Buffer.from(one.literal.toString('latin1').replace(/(?<!\r)\n/g, '\r\n'), 'latin1');
          // What is said of its size beforehand need not be so.
          out.literal(one.label, one.literal, Math.max(0, octets.length + one.off));
          wanted.push(Buffer.from(`${one.label} {${octets.length}}\r\n`), octets);
        }
        expect(out.pending + sent.reduce((sum, { length }) => sum + length, 0)).toBe(wanted.reduce((sum, { length }) => sum + length, 0));
      }
      out.flush();
      expect(Buffer.concat(sent).equals(Buffer.concat(wanted))).toBe(true);
    }),
    { numRuns: 60 },
  );
});
