import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '../../../test/support/runs.ts';
import { cpu } from '../../../test/support/time.ts';
import { Fault } from '../../mail/fault.ts';
import { bdatArgument, DataScanner } from './data.ts';
import { HeaderGate } from './header-gate.ts';

interface Outcome {
  readonly text: string | null;
  readonly rest: string | null;
  readonly defect: string | null;
}

/** Feeds `wire` in chunks that end at `cuts`. */
function scan(wire: string, cuts: readonly number[] = [], dots = true): Outcome {
  const scanner = new DataScanner(dots);
  const octets = Buffer.from(wire, 'latin1');
  const ends = [...new Set([...cuts, octets.length])].filter((cut) => cut > 0 && cut <= octets.length).sort((a, b) => a - b);
  let text = '';
  let from = 0;
  for (const cut of ends) {
    // A copy: the scanner writes into its chunk.
    const { bytes, end } = scanner.scan(Buffer.from(octets.subarray(from, cut)));
    text += Buffer.from(bytes).toString('latin1');
    if (end !== -1) {
      const rest = octets.subarray(from + end).toString('latin1');
      return { text: scanner.defect === null ? text : null, rest, defect: scanner.defect };
    }
    from = cut;
  }
  return { text: scanner.defect === null ? text : null, rest: null, defect: scanner.defect };
}

describe('the end of data', () => {
  it.each([
    ['one line', 'a\r\n.\r\n', 'a\n'],
    ['nothing', '.\r\n', ''],
    ['a dot', '..\r\n.\r\n', '.\n'],
    ['dots inside a line', 'a.b.\r\n.\r\n', 'a.b.\n'],
    ['a line that starts with a dot', '..a\r\n.\r\n', '.a\n'],
    ['a dot nobody doubled', '.a\r\n.\r\n', 'a\n'],
    ['empty lines', '\r\n\r\n.\r\n', '\n\n'],
    ['8-bit', '\u00e9\u00ff\r\n.\r\n', '\u00e9\u00ff\n'],
  ])('%s', (_, wire, text) => {
    expect(scan(`${wire}QUIT\r\n`)).toEqual({ text, rest: 'QUIT\r\n', defect: null });
  });

  const marks = [
    '\n.\n',
    '\n.\r\n',
    '\r\n.\n',
    '\r.\r',
    '\r.\r\n',
    '\n.\r',
    '\r\n.\r',
    '\r\n\0.\r\n',
    '\r\n.\0\r\n',
    '\r\r\n.\r\r\n',
    '\n\n.\r\n',
    '\r\n..\n',
  ];
  const smuggled = 'MAIL FROM:<evil@b.example>\r\nRCPT TO:<user1@example.com>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n';

  it.each(marks)('is not %j, wherever the octets are split', (mark) => {
    const wire = `Subject: x\r\n\r\nbody${mark}${smuggled}`;
    for (let i = 0; i <= wire.length; i++) {
      for (const cuts of [[i], [i, i + 1], [i, i + 2], [i, i + 1, i + 2, i + 3, i + 4, i + 5]]) {
        const { text, rest, defect } = scan(wire, cuts);
        // Either refused, or the smuggled text is part of the one message: nothing is left over to be commands.
        expect({ mark, i, rest }).toEqual({ mark, i, rest: '' });
        expect(defect).not.toBeNull();
        expect(text).toBeNull();
      }
    }
  });

  it.each(['..', '...', '..\r\n', '.', 'a'])('a body that starts with %j is one message at every split', (start) => {
    const wire = `${start}\r\nMAIL FROM:<evil@b.example>\r\n.\r\nNOOP\r\n`;
    const whole = scan(wire);
    for (let i = 0; i <= wire.length; i++) for (let j = i; j <= wire.length; j++) expect(scan(wire, [i, j])).toEqual(whole);
  });

  it('gives the same for any segmentation', () => {
    const piece = fc.constantFrom(
      '\r',
      '\n',
      '.',
      '\r\n',
      '\r\n.\r\n',
      'a',
      '\0',
      '\u00ff',
      '..',
      'a line longer than the short run',
      '\t',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), fc.array(fc.nat(80), { maxLength: 8 }), fc.boolean(), (pieces, cuts, dots) => {
        const wire = pieces.join('');
        const { text, rest, defect } = scan(wire, cuts, dots);
        expect({ text, rest, defect }).toEqual(scan(wire, [], dots));
      }),
      { numRuns: runs(2000) },
    );
  });

  it('takes off what a client puts on', () => {
    const line = fc.stringMatching(/^[\t -~]{0,60}$/);
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat(600)), (lines, cuts) => {
        const wire = `${lines
          .map((l) => (l.startsWith('.') ? `.${l}` : l))
          .map((l) => `${l}\r\n`)
          .join('')}.\r\n`;
        expect(scan(wire, cuts)).toEqual({ text: lines.map((l) => `${l}\n`).join(''), rest: '', defect: null });
      }),
    );
  });

  it('counts CRLF octets', () => {
    const scanner = new DataScanner();
    scanner.scan(Buffer.from('ab\r\n..c\r\n.\r\n'));
    expect(scanner.size).toBe(8);
  });

  it('costs linear time', async () => {
    const time = (lines: number): Promise<number> => {
      const chunk = Buffer.from('..\r\n'.repeat(lines));
      return cpu(() => new DataScanner().scan(chunk));
    };
    await time(100_000);
    expect(await time(2_500_000)).toBeLessThan(1000);
  });
});

describe('BDAT', () => {
  it('ends an unended last line', () => {
    const scanner = new DataScanner(false);
    expect(Buffer.from(scanner.scan(Buffer.from('a\r\n.\r\nb')).bytes).toString()).toBe('a\n.\nb');
    expect(Buffer.from(scanner.finish()).toString()).toBe('\n');
    expect(scanner.size).toBe(9);
  });

  it('refuses a CR at the very end', () => {
    const scanner = new DataScanner(false);
    scanner.scan(Buffer.from('a\r'));
    scanner.finish();
    expect(scanner.defect).toBe('bare CR');
  });

  it.each([
    ['10', 10, false],
    ['0 LAST', 0, true],
    [' 5   last ', 5, true],
  ])('reads %j', (text, length, last) => {
    expect(bdatArgument(text)).toEqual({ length, last });
  });

  it.each(['', '-1', '1.5', '0x10', '1 LAS', '1 LAST x', '9'.repeat(16)])('refuses %j', (text) => {
    expect(() => bdatArgument(text)).toThrow(Fault);
  });
});

function gated(text: string, cuts: readonly number[] = []): string {
  const gate = new HeaderGate();
  const octets = Buffer.from(text, 'latin1');
  const ends = [...new Set([...cuts, octets.length])].filter((cut) => cut >= 0 && cut <= octets.length).sort((a, b) => a - b);
  let from = 0;
  const parts: Uint8Array[] = [];
  for (const cut of ends) {
    for (const part of gate.pass(octets.subarray(from, cut))) parts.push(part.slice());
    from = cut;
  }
  parts.push(...gate.finish());
  return Buffer.concat(parts).toString('latin1');
}

describe('the header', () => {
  it.each([
    ['with its empty line', 'A: b\n c\nD: e\n\nbody\n', 'A: b\n c\nD: e\n\nbody\n'],
    ['without one', 'SUBJECT: MAIL TEST\nthis is a test\n', 'SUBJECT: MAIL TEST\n\nthis is a test\n'],
    ['that is none', 'hello\nworld\n', '\nhello\nworld\n'],
    ['that starts with a space', ' hello\n', '\n hello\n'],
    ['alone', 'A: b\n', 'A: b\n'],
    ['of no octets', '', ''],
    ['with a space before the colon', 'A : b\nc\n', 'A : b\n\nc\n'],
    ['with a broken field', 'A: b\n: c\n', 'A: b\n\n: c\n'],
    ['with 8-bit in a name', 'A: b\n\u00e9: c\n', 'A: b\n\n\u00e9: c\n'],
    [
      'of a mailbox file',
      'From a@b Sat Jan  1 00:00:00 2026\nA: b\n\nx\n',
      'X-Mailbox-Line: From a@b Sat Jan  1 00:00:00 2026\nA: b\n\nx\n',
    ],
    ['quoted from a mailbox file', '>From a@b\nA: b\n\nx\n', 'X-Mailbox-Line: >From a@b\nA: b\n\nx\n'],
    ['with a From line further on', 'A: b\nFrom me\n', 'A: b\n\nFrom me\n'],
    ['that breaks off', 'A: b\nunfinished', 'A: b\n\nunfinished'],
  ])('%s', (_, text, expected) => {
    expect(gated(text)).toBe(expected);
    for (let i = 0; i <= text.length; i++) for (let j = i; j <= text.length; j++) expect(gated(text, [i, j])).toBe(expected);
  });

  it('is the same for any segmentation', () => {
    const piece = fc.constantFrom('A', ':', ' ', '\n', '\n\n', 'From ', '>', 'B: c\n', '\t', '\u00ff');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.array(fc.nat(60), { maxLength: 6 }), (pieces, cuts) => {
        expect(gated(pieces.join(''), cuts)).toBe(gated(pieces.join('')));
      }),
      { numRuns: runs(2000) },
    );
  });

  it('is only added to', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), (text) => {
        const out = gated(text).replace(/^X-Mailbox-Line: /, '');
        expect(out.length - text.length).toBeLessThanOrEqual(1);
        expect(out.replaceAll('\n', '')).toBe(text.replaceAll('\n', ''));
      }),
    );
  });
});
