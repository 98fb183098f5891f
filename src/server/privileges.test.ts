import { describe, expect, it } from 'vitest';
import { assertConfined, assertDropped, capabilitiesOf } from './privileges.ts';

const own = { uid: process.getuid!(), gid: process.getgid!(), groups: process.getgroups!() };
const status = (permitted: string, effective: string, ambient: string): string =>
  `Name:\tnode\nUid:\t1000\nCapInh:\tffffffffffffffff\nCapPrm:\t${permitted}\nCapEff:\t${effective}\nCapBnd:\tffffffffffffffff\nCapAmb:\t${ambient}\n`;

describe('capabilities', () => {
  it.each([
    ['none', '0000000000000000', '0000000000000000', '0000000000000000', 0n],
    ['of root', '000001ffffffffff', '000001ffffffffff', '0000000000000000', 0x1ffffffffffn],
    ['that may be taken up', '0000000000000400', '0000000000000000', '0000000000000000', 0x400n],
    ['that are handed on', '0000000000000000', '0000000000000000', '0000000000000002', 2n],
  ])('%s', (_, permitted, effective, ambient, wanted) => {
    expect(capabilitiesOf(status(permitted, effective, ambient))).toBe(wanted);
  });
});

describe('a worker', () => {
  it('serves as whom it is to be, with no capability or that of binding ports', () => {
    expect(() => assertConfined(own, 0n)).not.toThrow();
    expect(() => assertConfined(own, 1n << 10n)).not.toThrow();
  });

  it.each([
    ['as somebody else', { ...own, uid: own.uid + 1 }, 0n, /runs as somebody else/],
    ['that may change owners', own, 1n, /holds capabilities \(1\)/],
    ['that may become anybody', own, (1n << 10n) | (1n << 7n), /holds capabilities \(480\)/],
  ])('refuses to serve %s', (_, identity, held, message) => {
    expect(() => assertConfined(identity, held)).toThrow(message);
  });

  it.skipIf(own.uid !== 0)('of root is not taken for one that gave it up', () => {
    expect(() => assertDropped({ uid: 65_534, gid: 65_534, groups: [65_534] })).toThrow(/still held/);
  });
});
