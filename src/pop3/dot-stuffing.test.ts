import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DotStuffing, dotStuffed } from './dot-stuffing.ts';

function send(text: string, lines?: number, cuts: readonly number[] = []): string {
  const stuffing = new DotStuffing(lines);
  const bytes = Buffer.from(text, 'latin1');
  let out = '';
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    if (cut < from) continue;
    out += stuffing.write(bytes.subarray(from, cut)).toString('latin1');
    from = cut;
  }
  return out + stuffing.end();
}

describe('DotStuffing', () => {
  it.each([
    ['a: b\n\ntext\n', 'a: b\r\n\r\ntext\r\n.\r\n'],
    ['a: b\r\n\r\ntext\r\n', 'a: b\r\n\r\ntext\r\n.\r\n'],
    ['a: b\n\n.\n..\n.x\nx.\n', 'a: b\r\n\r\n..\r\n...\r\n..x\r\nx.\r\n.\r\n'],
    ['.start', '..start\r\n.\r\n'],
    ['no end', 'no end\r\n.\r\n'],
    ['ends in CR\r', 'ends in CR\r\n.\r\n'],
    ['bare\rCR\n', 'bare\rCR\r\n.\r\n'],
    ['', '.\r\n'],
  ])('sends %j as %j', (text, sent) => {
    expect(send(text)).toBe(sent);
    expect(dotStuffed(text, false)).toBe(sent);
  });

  it.each([
    [0, 'h: 1\r\nh: 2\r\n\r\n.\r\n'],
    [1, 'h: 1\r\nh: 2\r\n\r\none\r\n.\r\n'],
    [2, 'h: 1\r\nh: 2\r\n\r\none\r\n\r\n.\r\n'],
    [9, 'h: 1\r\nh: 2\r\n\r\none\r\n\r\nthree\r\n.\r\n'],
  ])('stops after %i lines of the body', (lines, sent) => {
    expect(send('h: 1\nh: 2\n\none\n\nthree\n', lines)).toBe(sent);
    expect(send('h: 1\r\nh: 2\r\n\r\none\r\n\r\nthree', lines)).toBe(sent);
  });

  it('does not care how the input is cut, and is undone by its inverse', () => {
    const text = fc.array(fc.constantFrom('.', '\n', '\r\n', 'a', '..', ' '), { maxLength: 40 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, fc.array(fc.nat(60)), fc.option(fc.nat(4), { nil: undefined }), (message, cuts, lines) => {
        const sorted = cuts.sort((a, b) => a - b).filter((cut) => cut <= message.length);
        expect(send(message, lines, sorted)).toBe(send(message, lines));
        const sent = send(message);
        expect(dotStuffed(message, !/(?<!\r)\n/.test(message))).toBe(sent);
        expect(dotStuffed(message, false)).toBe(sent);
        expect(sent.endsWith('.\r\n')).toBe(true);
        const whole = message.replace(/\r?\n/g, '\r\n');
        const back = sent.slice(0, -3).replace(/^\./gm, '');
        expect(back).toBe(whole === '' || whole.endsWith('\r\n') ? whole : `${whole}\r\n`);
      }),
    );
  });
});
