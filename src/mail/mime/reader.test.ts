import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '../../../test/support/runs.ts';
import { countBareLf } from '../line-ends.ts';
import { FactsReader, messageFacts } from './facts.ts';
import type { Part } from './part.ts';
import { mimeLimits } from './reader.ts';

const facts = (text: string) => messageFacts(Buffer.from(text, 'latin1'));

/** `type/subtype start-end size lines`, indented. */
function outline(part: Part, depth = 0): string[] {
  const line = `${' '.repeat(depth)}${part.type}/${part.subtype} ${part.header},${part.start},${part.end} ${part.size}/${part.lines}`;
  const children = part.message === undefined ? (part.parts ?? []) : [part.message.root];
  return [line, ...children.flatMap((child) => outline(child, depth + 1))];
}

function check(part: Part, bytes: Buffer, from: number, to: number): void {
  expect(part.header).toBeGreaterThanOrEqual(from);
  expect(part.start).toBeGreaterThanOrEqual(part.header);
  expect(part.end).toBeGreaterThanOrEqual(part.start);
  expect(part.end).toBeLessThanOrEqual(to);
  const body = bytes.subarray(part.start, part.end);
  expect(part.size).toBe(body.length + countBareLf(body, bytes[part.start - 1] === 13));
  expect(part.lines).toBe(body.filter((octet) => octet === 10).length);
  let place = part.start;
  for (const child of part.parts ?? []) {
    check(child, bytes, place, part.end);
    place = child.end;
  }
  if (part.message !== undefined) check(part.message.root, bytes, part.start, part.end);
}

const piece = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('\n', '\r\n', '\r', '--', '--a', '--ab', '--a--', '--ab--', '-', 'a', ' ', '\t', ':', ';', '\0', '\xff'),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      'Content-Type: multipart/mixed; boundary=a\n',
      'Content-Type: multipart/digest;\n boundary="ab"\r\n',
      'Content-Type: multipart/mixed; boundary="a--"\n',
      'Content-Type: multipart/mixed\n\n',
      'Content-Type: message/rfc822\n\n',
      'Content-Type: text/html; charset=x\n\n',
      '\n--a\n',
      '\r\n--a\r\n',
      '\n--ab\n',
      '\n--a--\n',
      '\n--ab--\r\n',
      'From: x <y@z>\n',
      'MIME-Version: 1.0\n\n',
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 150 }) },
);
const message = fc.array(piece, { maxLength: 60 }).map((pieces) => Buffer.from(pieces.join(''), 'latin1'));

describe('structure', () => {
  it('has offsets that agree with the octets, whatever they are', () => {
    fc.assert(
      fc.property(message, (bytes) => {
        const { root, size, virtualSize, headerSize } = messageFacts(bytes);
        expect(size).toBe(bytes.length);
        expect(virtualSize).toBe(bytes.length + countBareLf(bytes));
        expect(root.header).toBe(0);
        expect(root.start).toBe(headerSize);
        expect(root.end).toBe(bytes.length);
        check(root, bytes, 0, bytes.length);
      }),
      { numRuns: runs(3000) },
    );
  });

  it('is the same however the octets are cut', () => {
    fc.assert(
      fc.property(message, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (bytes, cuts) => {
        const reader = new FactsReader();
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const next = at + cuts[i % cuts.length]!;
          reader.write(bytes.subarray(at, next));
          at = next;
        }
        expect(reader.end()).toEqual(messageFacts(bytes));
      }),
      { numRuns: runs(3000) },
    );
  });

  it('never throws on random octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        messageFacts(bytes);
      }),
    );
  });

  const crlf = (text: string): string => text.replaceAll('\n', '\r\n');
  const multipart = 'Content-Type: multipart/mixed; boundary=b\n\n';
  it.each([
    ['a plain message', 'Subject: x\n\nhello\n', ['text/plain 0,12,18 7/1']],
    ['no empty line', 'Subject: x\nhello\n', ['text/plain 0,17,17 0/0']],
    ['nothing at all', '', ['text/plain 0,0,0 0/0']],
    ['a multipart without parts', `${multipart}x\n`, ['multipart/mixed 0,43,45 3/1']],
    ['a boundary at once', `${multipart}--b\n\n1\n--b--\n`, ['multipart/mixed 0,43,56 17/4', ' text/plain 47,48,49 1/0']],
    ['a part cut in its header', `${multipart}--b\nX: y\n--b--`, ['multipart/mixed 0,43,57 16/2', ' text/plain 47,51,51 0/0']],
    ['a boundary line as the last', `${multipart}--b`, ['multipart/mixed 0,43,46 3/0']],
    ['a part of nothing', `${multipart}--b\n`, ['multipart/mixed 0,43,47 5/1', ' text/plain 47,47,47 0/0']],
  ])('reads %s', (_, text, expected) => {
    expect(outline(facts(text).root)).toEqual(expected);
  });

  it('counts CRLF files as they are', () => {
    const { root, virtualSize, size } = facts(crlf(`${multipart}--b\n\n1\n--b--\n`));
    expect(virtualSize).toBe(size);
    expect(outline(root)[1]).toBe(' text/plain 50,52,53 1/0');
  });

  it('takes the longest of boundaries that begin alike', () => {
    const text = `Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=ab\n\n--ab\n\n1\n--ab--\n\n--a\n\n2\n--a--\n`;
    const { root } = facts(text);
    expect(root.parts?.map((part) => part.parts?.length)).toEqual([1, undefined]);
  });

  it('ends inner multiparts at an outer boundary', () => {
    const { root } = facts(`${multipart}--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\n1\n--b\n\n2\n--b--\n`);
    expect(root.parts?.map((part) => part.subtype)).toEqual(['mixed', 'plain']);
    expect(root.parts?.[0]?.parts?.length).toBe(1);
  });

  it('takes digest parts for messages', () => {
    const { root } = facts(
      'Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: in\n\n1\n--b\nContent-Type: text/plain\n\n2\n--b--\n',
    );
    expect(root.parts?.map((part) => part.subtype)).toEqual(['rfc822', 'plain']);
    expect(root.parts?.[0]?.message?.envelope).toContain('"in"');
  });

  it('does not look at Content fields of a message that is no MIME', () => {
    expect(facts('Content-Transfer-Encoding: base64\n\n').root.encoding).toBe('7bit');
    expect(facts('MIME-Version: 1.0\nContent-Transfer-Encoding: BASE64\n\n').root.encoding).toBe('base64');
  });
});

describe('bounds', () => {
  const depthOf = (part: Part): number =>
    1 + Math.max(0, ...(part.parts ?? []).map(depthOf), part.message === undefined ? 0 : depthOf(part.message.root));

  it('reads ten thousand levels of multipart down to the bound', () => {
    let text = '';
    for (let i = 0; i < 10_000; i++) text += `Content-Type: multipart/mixed; boundary=b${i}\n\n--b${i}\n`;
    const { root, bodyStructure } = facts(`${text}\nend`);
    expect(depthOf(root)).toBe(mimeLimits.depth + 1);
    expect(bodyStructure).toContain('"octet-stream"');
  });

  it('reads ten thousand levels of message/rfc822 down to the bound', () => {
    const { root } = facts('Content-Type: message/rfc822\n\n'.repeat(10_000));
    expect(depthOf(root)).toBe(mimeLimits.depth + 1);
  });

  it('keeps ten thousand of a hundred thousand parts', () => {
    const { root } = facts(`Content-Type: multipart/mixed; boundary=b\n\n${'--b\n\nx\n'.repeat(100_000)}--b--\n`);
    expect(root.parts?.length).toBe(mimeLimits.parts - 1);
    expect(root.end - root.parts!.at(-1)!.end).toBeGreaterThan(0);
  });

  it('reads a million continuation lines, half a million addresses, a million parameters', () => {
    expect(facts(`Subject: x\n${' y\n'.repeat(1_000_000)}\nbody`).root.size).toBe(4);
    const many = facts(`To: ${'a@b.example, '.repeat(500_000)}c@d\n\nbody`);
    expect(many.root.size).toBe(4);
    expect(many.envelope.length).toBeLessThan(2_000_000);
    expect(facts(`Content-Type: text/plain; ${'a=b; '.repeat(1_000_000)}\n\nbody`).root.params.length).toBeLessThanOrEqual(200);
  });
});
