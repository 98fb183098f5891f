import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '../../test/support/runs.ts';
import { DataWriter } from './data-writer.ts';
import { enhancedStatus, type RemoteReply, ReplyReader } from './reply.ts';
import { lookUp, parseNextHop, routeFor } from './route.ts';
import { parsePasswords } from './sasl.ts';
import { quotedPrintable } from './seven-bit.ts';
import { parseStsPolicy, stsAllows, stsId } from './sts-policy.ts';

const octets = fc.array(fc.constantFrom(13, 10, 46, 97, 98, 0, 200), { maxLength: 60 }).map((list) => Buffer.from(list));
/** The same octets cut anywhere. */
const cut = (bytes: Buffer, places: readonly number[]): Buffer[] => {
  const at = [...new Set(places.map((n) => n % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((from, i) => bytes.subarray(from, at[i] ?? bytes.length));
};
function written(pieces: readonly Buffer[]): string {
  const writer = new DataWriter();
  return Buffer.concat([...pieces.map((piece) => writer.write(piece)), writer.end()]).toString('latin1');
}

function repliesOf(reader: ReplyReader, bytes: Buffer): RemoteReply[] {
  const replies = reader.write(bytes);
  if (typeof replies === 'string') throw new Error(replies);
  return replies;
}

describe('message text on the wire', () => {
  it('has no bare CR or LF, and one end, wherever it is cut', () => {
    fc.assert(
      fc.property(octets, fc.array(fc.nat(60)), (bytes, places) => {
        const wire = written(cut(bytes, places));
        expect(wire).toBe(written([bytes]));
        expect(wire.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
        const end = `\r\n${wire}`.indexOf('\r\n.\r\n');
        expect(end + 3).toBe(wire.length);
      }),
      { numRuns: runs(500) },
    );
  });

  it('is the text again when dots are undone', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom('.', 'a', ' ') })), (lines) => {
        const text = lines.map((line) => `${line}\n`).join('');
        const wire = written([Buffer.from(text)]).slice(0, -3);
        expect(wire.replace(/(^|\r\n)\./g, '$1').replaceAll('\r\n', '\n')).toBe(text);
      }),
    );
  });
});

describe('replies', () => {
  it('are the same wherever they are cut', () => {
    const bytes = Buffer.from('220-a\r\n220 b\r\n250\r\n250-x\n250 y z\r\n550 5.1.1 no\r\n');
    const all = repliesOf(new ReplyReader(), bytes);
    expect(all.map(({ code, lines }) => [code, ...lines])).toEqual([
      [220, 'a', 'b'],
      [250, ''],
      [250, 'x', 'y z'],
      [550, '5.1.1 no'],
    ]);
    fc.assert(
      fc.property(fc.array(fc.nat(60)), (places) => {
        const reader = new ReplyReader();
        expect(cut(bytes, places).flatMap((piece) => repliesOf(reader, piece))).toEqual(all);
        expect(reader.partial).toBe(0);
      }),
    );
  });

  it('never throw and never grow without end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const replies = new ReplyReader().write(Buffer.from(bytes));
        expect(typeof replies === 'string' || Array.isArray(replies)).toBe(true);
      }),
    );
    expect(new ReplyReader().write(Buffer.alloc(10_000, 65))).toBe('a line that is too long');
    expect(new ReplyReader().write(Buffer.from('250-x\r\n'.repeat(1000)))).toBe('a reply without end');
  });

  it.each([
    ['550 5.1.1 x', '5.1.1'],
    ['550-5.1.1 x', '5.1.1'],
    ['250 5.1.1 x', null],
    ['550 no', null],
    ['421 4.7.0', '4.7.0'],
  ])('%s has status %s', (reply, status) => expect(enhancedStatus(reply)).toBe(status));
});

describe('next hops', () => {
  it.each([
    ['[mx.example]:587', { host: 'mx.example', mx: false, port: 587, protocol: 'smtp', implicitTls: false }],
    ['mx.example', { host: 'mx.example', mx: true, port: 25 }],
    ['smtp:[::1]:2525', { host: '::1', mx: false, port: 2525 }],
    ['lmtp:[127.0.0.1]', { protocol: 'lmtp', port: 24 }],
    ['smtps:[mx.example]', { port: 465, implicitTls: true }],
    ['[mx.example]:submissions', { port: 465, implicitTls: true }],
    ['[mx.example', null],
    ['a b', null],
    ['x:99999', null],
  ])('%s', (text, wanted) => {
    const route = parseNextHop(text);
    if (wanted === null) expect(route).toBeNull();
    else expect(route).toMatchObject(wanted);
  });

  it('looks up the domain, then its parents, then all', () => {
    const table = { 'a.example': 1, '.example': 2, '*': 3 };
    expect(['a.example', 'b.example', 'x.a.example', 'other', 'constructor'].map((name) => lookUp(table, name))).toEqual([1, 2, 2, 3, 3]);
    expect(lookUp({}, '__proto__')).toBeUndefined();
    expect(routeFor('[IPv6:::1]', { transport: {}, relayhost: '', port: 25 })).toMatchObject({ host: '::1', mx: false });
  });

  it('reads passwords as Postfix writes them', () => {
    expect(parsePasswords('# c\n[mx.example]:587  ann:se:cret \n\nbad\n').get('[mx.example]:587')).toEqual({
      user: 'ann',
      password: 'se:cret',
    });
  });
});

describe('quoted-printable', () => {
  it('comes back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const coded = quotedPrintable(Buffer.from(bytes)).toString('latin1');
        expect(coded).toMatch(/^[\x09\x0a\x20-\x7e]*$/);
        for (const line of coded.split('\n')) expect(line.length).toBeLessThanOrEqual(76);
        const back = coded
          .replace(/=\n/g, '')
          .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
        expect(Buffer.from(back, 'latin1')).toEqual(Buffer.from(bytes));
      }),
    );
  });
});

describe('MTA-STS', () => {
  it.each([
    ['version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 1\n', 'enforce'],
    ['version: STSv1\r\nmode: none\r\nmax_age: 1\r\n', 'none'],
    ['version: STSv1\nmode: enforce\nmax_age: 1\n', undefined],
    ['mode: enforce\nmx: a\nmax_age: 1\n', undefined],
    ['<html>', undefined],
  ])('%s', (text, mode) => expect(parseStsPolicy(text)?.mode).toBe(mode));

  it('matches hosts', () => {
    const policy = { mode: 'enforce', maxAge: 1, mx: ['mail.example', '*.mx.example'] } as const;
    expect(
      ['mail.example', 'a.mx.example', 'a.b.mx.example', 'mx.example', 'x.mail.example'].map((host) => stsAllows(policy, host)),
    ).toEqual([true, true, false, false, false]);
    expect(stsId(['v=STSv1; id=20260101T0;'])).toBe('20260101T0');
    expect(stsId(['v=STSv1; id=1', 'v=STSv1; id=2'])).toBeNull();
  });
});
