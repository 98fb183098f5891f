import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '../../../test/support/runs.ts';
import { cpu } from '../../../test/support/time.ts';
import { type Address, formatAddress } from '../../mail/address.ts';
import { Fault } from '../../mail/fault.ts';
import { addressLiteral, isDomain, isFullyQualified, isHeloName, isValidHeloName } from './domain.ts';
import { esmtpParameters } from './parameters.ts';
import { isRouted, path } from './path.ts';
import { decodeXtext, encodeXtext } from './xtext.ts';

const at = (localPart: string, domain: string): Address => ({ localPart, domain });

describe('a path', () => {
  it.each([
    ['<a@b.example>', at('a', 'b.example'), ''],
    [' <a@b.example>', at('a', 'b.example'), ''],
    ['a@b.example', at('a', 'b.example'), ''],
    [' a@b.example SIZE=1', at('a', 'b.example'), 'SIZE=1'],
    ['<>', null, ''],
    ['<> SIZE=1 BODY=7BIT', null, 'SIZE=1 BODY=7BIT'],
    ['<postmaster>', at('postmaster', ''), ''],
    ['<@x.example,@y.example:a@b.example>', at('a', 'b.example'), ''],
    ['<"a b"@b.example>', at('a b', 'b.example'), ''],
    ['<"a\\"b"@b.example>', at('a"b', 'b.example'), ''],
    ['<"u@foreign.example"@b.example>', at('u@foreign.example', 'b.example'), ''],
    ['<"u@foreign.example">', at('u@foreign.example', ''), ''],
    ['<a@[192.0.2.1]>', at('a', '[192.0.2.1]'), ''],
    ['<a@[IPv6:2001:DB8::1]>', at('a', '[ipv6:2001:db8::1]'), ''],
    ['<A.b+c@B.Example.>', at('A.b+c', 'b.example'), ''],
    ['<user..name.@docomo.ne.jp>', at('user..name.', 'docomo.ne.jp'), ''],
    ['<a@\u4f8b\u3048.jp>', at('a', '\u4f8b\u3048.jp'), ''],
    ['<\u30e6\u30fc\u30b6@b.example>', at('\u30e6\u30fc\u30b6', 'b.example'), ''],
    ['<u%foreign.example@b.example>', at('u%foreign.example', 'b.example'), ''],
    ['<foreign.example!u>', at('foreign.example!u', ''), ''],
  ])('%s', (text, address, rest) => {
    expect(path(text)).toMatchObject({ address, rest });
  });

  it.each([
    '',
    '<',
    '<a@b',
    '<a@b>x',
    '<a@>',
    '<@b.example>',
    '<a b@c.example>',
    '<a@b@c.example>',
    '<a@b_.-.example>',
    '<a@b..example>',
    '<a@[1.2.3]>',
    '<a@[::1]>',
    '<a@b.example',
    '<a@b.example>>',
    '<"a@b.example>',
    '<"a\tb"@b.example>',
    'Name <a@b.example>',
    `<${'a'.repeat(257)}@b.example>`,
    `<a@${'b'.repeat(64)}.example>`,
    `<a@${'b.'.repeat(130)}example>`,
  ])('is not %s', (text) => {
    expect(() => path(text)).toThrow(Fault);
  });

  it('keeps what was written for X-Original-To', () => {
    expect(path('<User+Tag@Example.COM>').original).toBe('User+Tag@Example.COM');
  });

  it('is strict where that is wanted', () => {
    expect(() => path('a@b.example', true)).toThrow(Fault);
    expect(() => path(' <a@b.example>', true)).toThrow(Fault);
    expect(path('<a@b.example>', true).address).toEqual(at('a', 'b.example'));
  });

  it('reads back what formatAddress writes', () => {
    const localPart = fc.oneof(fc.stringMatching(/^[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}$/), fc.stringMatching(/^[ -~]{1,20}$/));
    const domain = fc.stringMatching(/^[a-z0-9]{1,10}(?:\.[a-z0-9]{1,10}){0,3}$/);
    fc.assert(
      fc.property(localPart, domain, (l, d) => {
        expect(path(`<${formatAddress(at(l, d))}>`).address).toEqual(at(l, d));
      }),
    );
  });

  it('never throws but Fault, and never gives control characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        try {
          const { address, original } = path(text);
          expect(`${address?.localPart}${address?.domain}${original}`).not.toMatch(/[\x00-\x1f\x7f]/);
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }),
      { numRuns: runs(3000) },
    );
  });

  it('costs linear time', async () => {
    for (const text of [
      `<${'a.'.repeat(100_000)}`,
      `<"${'\\a'.repeat(100_000)}`,
      `<${'@a,'.repeat(50_000)}`,
      `<a@${'b.'.repeat(100_000)}`,
    ]) {
      expect(await cpu(() => expect(() => path(text)).toThrow(Fault))).toBeLessThan(500);
    }
  });

  it.each(['u%x', 'x!u', 'u@x'])('%s is routed', (text) => expect(isRouted(text)).toBe(true));
});

describe('parameters', () => {
  it('are keywords with and without values', () => {
    expect([...esmtpParameters('size=10 BODY=8BITMIME  SMTPUTF8 X-Y=a=b')]).toEqual([
      ['SIZE', '10'],
      ['BODY', '8BITMIME'],
      ['SMTPUTF8', null],
      ['X-Y', 'a=b'],
    ]);
  });
  it.each(['SIZE=', '=1', 'SIZE=1 SIZE=2', '-X=1', 'A=\x01', `${Array.from({ length: 21 }, (_, i) => `K${i}`).join(' ')}`])(
    'are not %s',
    (text) => {
      expect(() => esmtpParameters(text)).toThrow(Fault);
    },
  );
});

describe('xtext', () => {
  it('goes there and back', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ -~]*$/), (text) => {
        expect(decodeXtext(encodeXtext(text))).toBe(text);
      }),
    );
  });
  it.each(['a+0D+0Ab', 'a+00', 'a b', 'a+2', 'a+gg', 'a+2b', '\u00e9'])('is not %s', (text) => {
    expect(() => decodeXtext(text)).toThrow(Fault);
  });
});

describe('names', () => {
  it.each([
    ['example.com', true, true],
    ['localhost', true, false],
    ['a_b.example', true, true],
    ['-a.example', false, false],
    ['a..b', false, false],
    ['', false, false],
    ['1.2.3.4', true, false],
  ])('%s', (text, domain, full) => {
    expect([isDomain(text), isFullyQualified(text)]).toEqual([domain, full]);
  });
  it.each([
    ['[192.0.2.1]', '192.0.2.1'],
    ['[IPv6:::1]', '::1'],
    ['[::1]', null],
    ['192.0.2.1', null],
    ['[999.0.0.1]', null],
  ])('literal %s', (text, expected) => {
    expect(addressLiteral(text)).toBe(expected);
  });
  it.each([
    ['mail.example.com', true, true],
    ['[192.0.2.1]', true, true],
    ['192.0.2.1', true, false],
    ['WIN-ABC', true, true],
    ['a b', false, false],
    ['a\x01', false, false],
    ['x'.repeat(256), false, false],
  ])('HELO %s', (text, taken, valid) => {
    expect(isHeloName(text)).toBe(taken);
    if (taken) expect(isValidHeloName(text)).toBe(valid);
  });
});
