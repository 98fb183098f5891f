import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../mail/fault.ts';
import { baseName, bitsOfLetters, lettersOfBits, parseFileName, placeOf, uniqueName } from './name.ts';
import { checkName, folderOf, nameOfFolder } from './paths.ts';

describe('file names', () => {
  it('are read back', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 0xffff_ffff }),
        fc.integer({ min: 1, max: 0xffff_ffff }),
        fc.nat(2 ** 31 - 1),
        (uidValidity, uid, bits) => {
          const unique = uniqueName(1_790_000_000_123);
          const base = baseName({ unique, fields: ',S=10,W=12' }, uidValidity, uid);
          const read = parseFileName(`${base}:2,${lettersOfBits(bits)}`);
          expect(read).toEqual({ unique, size: 10, virtualSize: 12, uidValidity, uid, fields: ',S=10,W=12', letters: lettersOfBits(bits) });
          expect(bitsOfLetters(read.letters!)).toBe(bits);
        },
      ),
    );
  });

  it.each([
    ['1.a.b', { unique: '1.a.b', uid: null, letters: null, fields: '' }],
    ['1.a.b,U=5:2,PS', { unique: '1.a.b', uid: null, letters: 'PS', fields: ',U=5' }],
    ['1.a.b,N=zz.4294967296', { uid: null, uidValidity: null }],
    ['1.a.b,N=zzzzzzz.1', { uid: null, uidValidity: null }],
    ['1.a.b,S=12,N=a.5,W=13:2,', { uid: 5, uidValidity: 10, size: 12, virtualSize: 13, fields: ',S=12,W=13' }],
    [':2,S', { unique: '', letters: 'S' }],
    ['1.a:1,x', { letters: null }],
  ])('%s', (name, wanted) => {
    expect(parseFileName(name)).toMatchObject(wanted);
  });

  it('never throw', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        parseFileName(name);
        bitsOfLetters(name);
      }),
    );
  });

  it('keep letters of others', () => {
    expect(placeOf('cur/1.a:2,PST', 4)).toBe('cur/1.a:2,FP');
    expect(placeOf('new/1.a', 0)).toBe('new/1.a');
    expect(placeOf('new/1.a', 1)).toBe('cur/1.a:2,S');
    expect(placeOf('cur/1.a', 0)).toBe('cur/1.a:2,');
  });
});

describe('mailbox names', () => {
  it('become folders and back', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 4 }), (levels) => {
        const name = levels.join('/');
        let good: string;
        try {
          good = checkName(name);
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
          return;
        }
        const folder = folderOf(good);
        expect(folder).not.toMatch(/[/\0]|^\.{1,2}$/);
        expect(nameOfFolder(folder)).toBe(good);
      }),
    );
  });

  it.each(['', '/', '.', 'a/../b', 'a//b', '/a', 'a/', 'a\0b', 'a\nb', 'x'.repeat(300), `${'a/'.repeat(40)}a`, '\ud800'])(
    'refuses %j',
    (name) => {
      expect(() => checkName(name)).toThrow(Fault);
    },
  );

  it('have no levels that are steps of a path, whoever made the folder', () => {
    expect(folderOf('../../etc/passwd')).toBe('.&AC4-&AC4-.&AC4-&AC4-.etc.passwd');
    expect(() => checkName('../../etc/passwd')).toThrow(Fault);
  });

  it.each([
    ['...', '.&AC4-&AC4-&AC4-'],
    ['inbox', ''],
    ['__proto__', '.__proto__'],
    ['Entwürfe', '.Entw&APw-rfe'],
  ])('%s is %s', (name, folder) => {
    expect(folderOf(checkName(name))).toBe(folder);
  });
});
