import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '../../../test/support/runs.ts';
import { addressList } from './addresses.ts';

const list = (text: string) => addressList(text).map(({ name, route, mailbox, domain }) => [name, route, mailbox, domain]);

describe('address list', () => {
  it.each([
    ['', []],
    ['user@domain', [[null, null, 'user', 'domain']]],
    ['Real Name <user@domain>', [['Real Name', null, 'user', 'domain']]],
    ['"Name, Real" <user@domain>', [['Name, Real', null, 'user', 'domain']]],
    ['user@domain (Real Name)', [['Real Name', null, 'user', 'domain']]],
    ['<@route:user@domain>', [[null, '@route', 'user', 'domain']]],
    ['<@a,@b:user@domain>', [[null, '@a,@b', 'user', 'domain']]],
    ['"quoted local"@domain', [[null, null, 'quoted local', 'domain']]],
    ['user@[192.0.2.1]', [[null, null, 'user', '[192.0.2.1]']]],
    ['J. Q. Public <j@q>', [['J. Q. Public', null, 'j', 'q']]],
    [
      'a@b, c@d,',
      [
        [null, null, 'a', 'b'],
        [null, null, 'c', 'd'],
      ],
    ],
    [
      'a@b,,c@d',
      [
        [null, null, 'a', 'b'],
        [null, null, 'MISSING_MAILBOX', 'MISSING_DOMAIN'],
        [null, null, 'c', 'd'],
      ],
    ],
    [
      'John Smith, a@b',
      [
        ['John Smith', null, 'MISSING_MAILBOX', 'MISSING_DOMAIN'],
        [null, null, 'a', 'b'],
      ],
    ],
    ['"a b"', [['a b', null, 'MISSING_MAILBOX', 'MISSING_DOMAIN']]],
    ['user@domain.', [[null, null, 'user', 'MISSING_DOMAIN']]],
    ['<user (x)@ (y) domain>', [[null, null, 'user', 'domain']]],
    ['user', [[null, null, 'user', 'MISSING_DOMAIN']]],
    ['<user>', [[null, null, 'user', 'MISSING_DOMAIN']]],
    ['Name <>', [['Name', null, 'MISSING_MAILBOX', 'MISSING_DOMAIN']]],
    ['@domain', [[null, null, 'MISSING_MAILBOX', 'domain']]],
    ['Name <user@domain', [['Name', null, 'user', 'SYNTAX_ERROR']]],
    ['Name <user domain>', [['Name', null, 'user', 'SYNTAX_ERROR']]],
    [
      'undisclosed-recipients:;',
      [
        [null, null, 'undisclosed-recipients', null],
        [null, null, null, null],
      ],
    ],
    [
      'g: a@b, c@d;, e@f',
      [
        [null, null, 'g', null],
        [null, null, 'a', 'b'],
        [null, null, 'c', 'd'],
        [null, null, null, null],
        [null, null, 'e', 'f'],
      ],
    ],
  ])('reads %j', (text, expected) => {
    expect(list(text)).toEqual(expected);
  });

  it('never throws, and closes every group', () => {
    const piece = fc.constantFrom('a', 'b c', '@', '<', '>', ',', ';', ':', '"', '\\', '(', ')', '.', ' ', '[', ']', '\xe4');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const entries = addressList(pieces.join(''));
        let open = 0;
        for (const { mailbox, domain } of entries) {
          if (mailbox === null) open--;
          else if (domain === null) open++;
          expect(open === 0 || open === 1).toBe(true);
        }
        expect(open).toBe(0);
      }),
      { numRuns: runs(3000) },
    );
  });
});
