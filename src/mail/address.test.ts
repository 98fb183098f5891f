import { describe, expect, it } from 'vitest';
import { formatAddress, splitAddress } from './address.ts';

describe('an address', () => {
  it.each([
    ['ann@Example.com', 'ann', 'example.com'],
    ['"a b"@x', 'a b', 'x'],
    ['"a\\"b\\\\c@d"@x', 'a"b\\c@d', 'x'],
    ['a@b@x', 'a@b', 'x'],
    ['"half@x', '"half', 'x'],
  ])('%s is split and its quotes come off', (text, localPart, domain) => {
    expect(splitAddress(text)).toEqual({ localPart, domain });
    expect(splitAddress(formatAddress({ localPart, domain }))).toEqual({ localPart, domain });
  });

  it.each(['', '@x', 'a@', 'a', '""@x'])('%j is none', (text) => {
    expect(splitAddress(text)).toBeNull();
  });
});
