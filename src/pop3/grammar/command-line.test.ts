import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../mail/fault.ts';
import { base64, initialResponse } from './base64.ts';
import { commandLine, number, words } from './command-line.ts';

describe('commandLine', () => {
  it.each([
    ['STAT', 'STAT', ''],
    ['stat ', 'STAT', ''],
    ['PASS  two  spaces ', 'PASS', ' two  spaces '],
    ['RETR\t1', 'RETR\t1', ''],
    ['', '', ''],
    ['USER zoë', 'USER', 'zoë'],
  ])('reads %j', (line, keyword, argument) => {
    expect(commandLine(Buffer.from(line))).toEqual({ keyword, argument });
  });

  it('gives back what it was made of, and throws nothing but Fault', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (octets) => {
        try {
          const { keyword, argument } = commandLine(Buffer.from(octets));
          expect(keyword).not.toContain(' ');
          for (const word of words(argument)) expect(word).not.toMatch(/[ \t]/);
          number(words(argument)[0]);
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }),
    );
    fc.assert(
      fc.property(fc.nat(999_999_999), (n) => {
        expect(number(words(` ${n} `)[0])).toBe(n);
      }),
    );
  });
});

describe('base64', () => {
  it('undoes its inverse, and has one spelling for each octet string', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (octets) => {
        const text = Buffer.from(octets).toString('base64');
        expect(base64(text)).toEqual(Buffer.from(octets));
      }),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        const octets = base64(text);
        if (octets !== null) expect(octets.toString('base64').replace(/=+$/, '').length).toBe(text.replace(/=+$/, '').length);
      }),
    );
    expect(initialResponse('=')).toEqual(Buffer.alloc(0));
    for (const bad of ['a', 'YQ', 'YQ=', 'Y Q=', 'YQ==YQ==', '-_-_']) expect(base64(bad)).toBeNull();
  });
});
