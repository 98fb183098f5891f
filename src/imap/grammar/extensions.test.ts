import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../mail/fault.ts';
import { authUrl } from './auth-url.ts';
import { Cursor } from './cursor.ts';
import { string } from './format.ts';
import { entryName, entryValues, getMetadataOptions } from './metadata.ts';

const entry = fc
  .tuple(fc.constantFrom('private', 'shared'), fc.array(fc.stringMatching(/^[a-z0-9.-]{1,8}$/), { minLength: 1, maxLength: 4 }))
  .map(([scope, levels]) => `/${scope}/${levels.join('/')}`);
const octets = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

describe('metadata', () => {
  it('reads entries and values as they were written', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(entry, fc.option(octets)), { minLength: 1, maxLength: 5, selector: ([name]) => name }), (all) => {
        const value = (text: string | null) =>
          text === null ? 'NIL' : text.includes('\0') ? `~{${text.length}}\r\n${text}` : string(text);
        const line = new Cursor(`(${all.map(([name, text]) => `${name.toUpperCase()} ${value(text)}`).join(' ')})`);
        expect([...entryValues(line)]).toEqual(all);
        expect(line.atEnd).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it.each(['/private', '/other/x', '/shared/', '/shared//x', '"/shared/a*"', '"/shared/a%"', 'shared/x', '"/shared/\xe4"', '""'])(
    'refuses %s',
    (text) => {
      expect(() => entryName(new Cursor(text))).toThrow(Fault);
    },
  );

  it('reads options in any order', () => {
    expect(getMetadataOptions(new Cursor('(DEPTH infinity MAXSIZE 10)'))).toEqual({ maxSize: 10, depth: 'infinity' });
    expect(getMetadataOptions(new Cursor('(/shared/x)'))).toBe(null);
    expect(() => getMetadataOptions(new Cursor('(DEPTH 2)'))).toThrow(Fault);
  });
});

describe('authorised URLs', () => {
  const token = 'ab'.repeat(33);
  const rump =
    'imap://ann%40a.example@mail/Lists%2Fx;UIDVALIDITY=7/;UID=3/;SECTION=1.2;EXPIRE=2030-01-02T03:04:05Z;URLAUTH=user+bob@a.example';

  it('reads all of one', () => {
    const url = authUrl(`${rump}:INTERNAL:${token}`);
    expect(url).toMatchObject({ owner: 'ann@a.example', access: 'user+bob@a.example', rump, proof: { mechanism: 'INTERNAL', token } });
    expect(url.expires).toBe(Date.UTC(2030, 0, 2, 3, 4, 5));
    expect(url.target).toMatchObject({ mailbox: 'Lists/x', uidValidity: 7, uid: 3 });
  });

  it('refuses with a Fault, and in little time, whatever comes', () => {
    const pieces = fc.constantFrom(
      'imap://',
      'ann',
      '@',
      '/',
      ';',
      'UID=1',
      ';URLAUTH=',
      'anonymous',
      ':',
      'INTERNAL',
      token,
      '%',
      '%40',
      'EXPIRE=',
      '2030',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => {
        try {
          authUrl(parts.join(''));
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }),
      { numRuns: 500 },
    );
    const started = performance.now();
    for (const piece of [';EXPIRE=', '/', ';', '@', ';URLAUTH=anonymous', '/;UID=']) {
      expect(() => authUrl(`imap://a@b/${piece.repeat(400)}x`)).toThrow(Fault);
    }
    expect(performance.now() - started).toBeLessThan(500);
  });

  it.each([
    rump.replace('2030-01-02', '2030-13-99'),
    rump.replace('UID=3', 'UID=0'),
    rump.replace('user+', 'group+'),
    `${rump}:INTERNAL:xyz`,
  ])('refuses %s', (url) => {
    expect(() => authUrl(url)).toThrow(Fault);
  });
});
