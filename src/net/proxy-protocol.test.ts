import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../mail/fault.ts';
import { normalAddress } from './networks.ts';
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

  /** What is read, or `more`, or `no`. */
  const read = (input: Buffer): string => {
    try {
      const header = proxyHeader(input);
      if (header === null) return 'more';
      const { length, source, destination } = header;
      const text = (one: typeof source): string => (one === null ? '-' : `${one.address} ${one.port}`);
      return `${length}: ${text(source)}, ${text(destination)}`;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return 'no';
    }
  };
  /** Every octet of `input` as every other. */
  function* changed(input: Buffer): Generator<Buffer> {
    for (let at = 0; at < input.length; at++) {
      for (let octet = 0; octet < 256; octet++) {
        const other = Buffer.from(input);
        other[at] = octet;
        yield other;
      }
    }
  }

  it.each(['PROXY TCP4 192.0.2.1 198.51.100.2 12345 25\r\n', 'PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 1 25\r\n', 'PROXY UNKNOWN x\r\n'])(
    'reads version 1 with any octet changed as its grammar says: %j',
    (header) => {
      const port = (text: string): boolean => /^(0|[1-9][0-9]*)$/.test(text) && Number(text) < 65_536;
      const wanted = (text: string): string => {
        if (!'PROXY '.startsWith(text.slice(0, 6))) return 'no';
        const end = text.indexOf('\r\n');
        if (end < 0) return 'more';
        const [, family, from, to, fromPort, toPort, ...rest] = text.slice(0, end).split(' ');
        if (family === 'UNKNOWN') return `${end + 2}: -, -`;
        const is = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : () => false;
        const fine = is(from!) && is(to!) && port(fromPort!) && port(toPort!) && rest.length === 0;
        if (!fine || `${from}${to}`.includes('%')) return 'no';
        return `${end + 2}: ${normalAddress(from!)} ${fromPort}, ${normalAddress(to!)} ${toPort}`;
      };
      const wrong: string[] = [];
      for (const input of changed(Buffer.from(`${header}EHLO x\r\n`))) {
        const text = input.toString('latin1');
        if (read(input) !== wanted(text)) wrong.push(`${JSON.stringify(text)} ${read(input)} instead of ${wanted(text)}`);
      }
      expect(wrong).toEqual([]);
    },
  );

  it('reads version 2 with any octet of its head changed as its grammar says', () => {
    const extensions = Buffer.from([4, 0, 3, 1, 2, 3, 0x20, 0xff, 0xff]);
    const tcp6 = Buffer.concat([Buffer.alloc(15), Buffer.from([1]), Buffer.alloc(15), Buffer.from([2, 0, 9, 0, 25])]);
    const kinds = [
      [0x11, tcp4, '192.0.2.1 12345, 198.51.100.2 25'],
      [0x21, tcp6, '::1 9, ::2 25'],
    ] as const;
    for (const [family, body, text] of kinds) {
      for (const more of [Buffer.alloc(0), extensions]) {
        const header = v2(1, family, Buffer.concat([body, more]));
        const rest = Buffer.alloc(300);
        /** An address of either family where only an octet of it is another. */
        const wanted = (input: Buffer): string | RegExp => {
          const size = input.readUInt16BE(14);
          const command = input[12]!;
          const is = input[13]!;
          if (!input.subarray(0, 12).equals(header.subarray(0, 12)) || command >> 1 !== 0x10 || size > 2048) return 'no';
          if (size > header.length + rest.length - 16) return 'more';
          if (command === 0x20) return `${16 + size}: -, -`;
          if (is >> 4 > 3 || (is & 15) > 2) return 'no';
          if (is >> 4 === 0 || is >> 4 === 3) return `${16 + size}: -, -`;
          if ((is !== 0x11 || size < 12) && (is !== 0x21 || size < 36)) return 'no';
          if (is === family && input.subarray(16, 16 + body.length).equals(body)) return `${16 + size}: ${text}`;
          return /^\d+: [\d.a-f:]+ \d+, [\d.a-f:]+ \d+$/;
        };
        const wrong: string[] = [];
        for (const input of changed(header)) {
          const said = read(Buffer.concat([input, rest]));
          const right = wanted(input);
          if (typeof right === 'string' ? said !== right : !right.test(said)) wrong.push(`${input.toString('hex')}: ${said}`);
        }
        expect(wrong).toEqual([]);
      }
    }
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
