import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeaderGuard } from './message-fixups.ts';

function guarded(text: string, size = 1 << 20): string {
  const guard = new HeaderGuard();
  const out: Buffer[] = [];
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at += size) out.push(...guard.write(bytes.subarray(at, at + size)));
  out.push(...guard.end());
  return Buffer.concat(out).toString('latin1');
}

describe('header guard', () => {
  it.each([
    ['Subject: x\n\nbody\n', 'Subject: x\n\nbody\n'],
    ['Subject: x\n folded\nhello there\nFrom: y\n', 'Subject: x\n folded\n\nhello there\nFrom: y\n'],
    ['hello\n', '\nhello\n'],
    [' indented\n', '\n indented\n'],
    ['\nbody', '\nbody'],
    ['', ''],
    ['From user@domain Fri Feb 22\nSubject: x\n\n', 'X-Mailbox-Line: From user@domain Fri Feb 22\nSubject: x\n\n'],
    ['Subject : x\ntext', 'Subject : x\n\ntext'],
    [': x\n', '\n: x\n'],
    ['A: b', 'A: b'],
  ])('of %j', (text, expected) => {
    expect(guarded(text)).toBe(expected);
  });

  it('is the same however the octets are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('A: b', '\n', ' ', 'From ', 'text', ':', '\n\n', 'x'.repeat(1200)), { maxLength: 20 }),
        fc.integer({ min: 1, max: 9 }),
        (pieces, size) => {
          const text = pieces.join('');
          expect(guarded(text, size)).toBe(guarded(text));
        },
      ),
    );
  });
});
