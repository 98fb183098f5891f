import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAliases, parseInclude } from './alias-file.ts';

describe('an aliases file', () => {
  it('has names, addresses, commands, files and lists', () => {
    const { entries, problems } = parseAliases(`# the usual
postmaster: root
Root:   ann@example.com,
        bob@example.com
	# a remark between
        , carol

archive: /var/mail/archive
tickets: "|/usr/bin/tickets --queue \\"a, b\\"", ann@example.com
plain: |/usr/bin/tickets
half: |"/usr/bin/x a, b"
staff: :include:/etc/staff
"odd name": ":include:/etc/odd list"
me: \\me, you
`);
    expect(problems).toEqual([]);
    expect(Object.fromEntries(entries)).toEqual({
      postmaster: [{ kind: 'name', text: 'root' }],
      root: [
        { kind: 'address', text: 'ann@example.com' },
        { kind: 'address', text: 'bob@example.com' },
        { kind: 'name', text: 'carol' },
      ],
      archive: [{ kind: 'file', text: '/var/mail/archive' }],
      tickets: [
        { kind: 'command', text: '/usr/bin/tickets --queue "a, b"' },
        { kind: 'address', text: 'ann@example.com' },
      ],
      plain: [{ kind: 'command', text: '/usr/bin/tickets' }],
      half: [{ kind: 'command', text: '/usr/bin/x a, b' }],
      staff: [{ kind: 'include', text: '/etc/staff' }],
      'odd name': [{ kind: 'include', text: '/etc/odd list' }],
      me: [
        { kind: 'name', text: 'me' },
        { kind: 'name', text: 'you' },
      ],
    });
  });

  it.each([
    ['no colon here', 1],
    ['a: b\nb: two words\n', 2],
    ['a: b,\n\n  c\nx:\n', 4],
    ['a: |', 1],
    ['a: :include:relative', 1],
    ['a: /folder/', 1],
    ['a@b: c', 1],
    ['a: "unfinished', 1],
  ])('%j is wrong in line %i', (text, line) => {
    expect(parseAliases(text).problems.map((problem) => problem.line)).toEqual([line]);
  });

  it('holds for what can be read, and by the first of each name', () => {
    expect([...parseAliases('a: b\nwrong\nA: c\n').entries]).toEqual([['a', [{ kind: 'name', text: 'b' }]]]);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '@', '"', '\\', '|', '/', ':', ',', ' ', '\n', '#') }), (text) => {
        parseAliases(text);
        parseInclude(text);
      }),
    );
  });
});

it('an included list has no commands', () => {
  expect(parseInclude('# staff\nann@example.com, bob\n|/bin/x\n/etc/passwd\n').map(({ text }) => text)).toEqual(['ann@example.com', 'bob']);
});
