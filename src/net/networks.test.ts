import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isLoopback, networkOf, networks, normalAddress } from './networks.ts';

describe('networks', () => {
  it.each([
    ['127.0.0.0/8', '127.3.2.1', true],
    ['127.0.0.0/8', '128.0.0.1', false],
    ['127.0.0.0/8', '::ffff:127.0.0.1', true],
    ['[::1]/128', '::1', true],
    ['[::1]/128', '::2', false],
    ['::1', '0:0:0:0:0:0:0:1', true],
    ['[fe80::]/10', 'febf::1%eth0', true],
    ['[fe80::]/10', 'fec0::1', false],
    ['[2001:db8::]/33', '2001:db8:7fff::1', true],
    ['[2001:db8::]/33', '2001:db8:8000::1', false],
    ['0.0.0.0/0', '1.2.3.4', true],
    ['0.0.0.0/0', '2001::1', false],
    ['192.0.2.5', '192.0.2.5', true],
    ['192.0.2.4/30', '192.0.2.7', true],
    ['192.0.2.4/30', '192.0.2.8', false],
    ['127.0.0.0/8', 'unknown', false],
    ['127.0.0.0/8', '2130706433', false],
  ])('%s and %s: %s', (list, address, inside) => {
    expect(networks([list]).includes(address)).toBe(inside);
  });

  it('lets the first match decide', () => {
    const list = networks(['!10.1.0.0/16', '10.0.0.0/8']);
    expect(list.includes('10.1.2.3')).toBe(false);
    expect(list.includes('10.2.2.3')).toBe(true);
  });

  it.each([
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['[2001:db8::1]/32', '[2001:db8::]/32'],
    ['10.0.0.0/33', '0 to 32'],
    ['example.com', 'no network'],
    ['127.1/8', 'no network'],
    ['10.0.0.0/8/8', 'no network'],
  ])('refuses %s and says %s', (item, words) => {
    expect(() => networks([item])).toThrow(words);
  });

  it('holds the address it was made of', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
        expect(networks([address]).includes(address)).toBe(true);
      }),
    );
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:0:1::1', '2001:db8:0:1'],
    ['2001:db8:0:1:2::', '2001:db8:0:1'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['unknown', 'unknown'],
  ])('counts %s as %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  it('spells addresses in one way', () => {
    expect(normalAddress('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(normalAddress('2001:DB8:0:0::1')).toBe('2001:db8::1');
    expect(isLoopback('::ffff:127.0.0.2')).toBe(true);
    expect(isLoopback('10.0.0.1')).toBe(false);
  });
});
