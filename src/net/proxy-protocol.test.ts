import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../mail/fault.ts';
import { proxyHeader } from './proxy-protocol.ts';

const v2 = (command: number, family: number, body: Buffer) => {
  const head = Buffer.from('\r\n\r\n\0\r\nQUIT\n\0\0\0\0', 'latin1');
  head[12] = 0x20 | command;
  head[13] = family;
  head.writeUInt16BE(body.length, 14);
  return Buffer.concat([head, body]);
};
const tcp4 = Buffer.from([192, 0, 2, 1, 198, 51, 100, 2, 0x30, 0x39, 0, 25]);

const headers: [string, Buffer, { address: string; port: number } | null][] = [
  ['1, IPv4', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.2 12345 25\r\n'), { address: '192.0.2.1', port: 12345 }],
  ['1, IPv6', Buffer.from('PROXY TCP6 2001:db8::1 ::1 1 25\r\n'), { address: '2001:db8::1', port: 1 }],
  ['1, unknown', Buffer.from('PROXY UNKNOWN whatever follows\r\n'), null],
  ['2, IPv4', v2(1, 0x11, tcp4), { address: '192.0.2.1', port: 12345 }],
  ['2, IPv4 with extensions', v2(1, 0x11, Buffer.concat([tcp4, Buffer.alloc(40)])), { address: '192.0.2.1', port: 12345 }],
  [
    '2, IPv6',
    v2(1, 0x21, Buffer.concat([Buffer.alloc(15), Buffer.from([1]), Buffer.alloc(16), Buffer.from([0, 9, 0, 25])])),
    { address: '::1', port: 9 },
  ],
  ['2, local', v2(0, 0, Buffer.alloc(0)), null],
];

describe('proxyHeader', () => {
  it.each(headers)('reads version %s, however it is cut', (_, header, source) => {
    for (let cut = 0; cut < header.length; cut++) expect(proxyHeader(header.subarray(0, cut))).toBeNull();
    for (const rest of ['', 'EHLO x\r\n'])
      expect(proxyHeader(Buffer.concat([header, Buffer.from(rest)]))).toMatchObject({ length: header.length, source });
  });

  it.each([
    'EHLO example.com\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.2 12345\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.2 12345 65536\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.2 012345 25\r\n',
    'PROXY TCP4 ::1 ::1 1 25\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.2 1 25 x\r\n',
    `PROXY TCP4 ${'1'.repeat(200)}`,
  ])('refuses %j', (text) => {
    expect(() => proxyHeader(Buffer.from(text))).toThrow(Fault);
  });

  it('refuses a version, family or length that is not right', () => {
    const version = v2(1, 0x11, tcp4);
    version[12] = 0x31;
    expect(() => proxyHeader(version)).toThrow(Fault);
    expect(() => proxyHeader(v2(2, 0x11, tcp4))).toThrow(Fault);
    expect(() => proxyHeader(v2(1, 0x12, tcp4))).toThrow(Fault);
    expect(() => proxyHeader(v2(1, 0x11, tcp4.subarray(1)))).toThrow(Fault);
    expect(() => proxyHeader(v2(1, 0x11, Buffer.alloc(3000)))).toThrow(Fault);
  });

  it('throws nothing but Fault', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom('', 'PROXY ', '\r\n\r\n\0\r\nQUIT\n'), (octets, start) => {
        try {
          proxyHeader(Buffer.concat([Buffer.from(start, 'latin1'), octets]));
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }),
    );
  });
});
