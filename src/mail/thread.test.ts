import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '../../test/support/runs.ts';
import { atOnce } from '../base/slices.ts';
import { messageFacts } from './mime/facts.ts';
import { sortedUids } from './sort.ts';
import { formatThreads, type ThreadItem, type ThreadNode, thread } from './thread.ts';

const item = (uid: number, header: string, internalDate = uid * 1000) => ({
  uid,
  internalDate,
  size: 100 + uid,
  keys: messageFacts(Buffer.from(`${header}\n\n`)).sortKeys,
});
const threads = (items: ThreadItem[], algorithm: 'references' | 'refs' | 'orderedsubject' = 'references') =>
  atOnce(formatThreads(atOnce(thread(items, algorithm)), (uid) => uid));
const ref = (id: string, ...refs: string[]): string =>
  `Message-ID: <${id}@b>${refs.length === 0 ? '' : `\nReferences: ${refs.map((one) => `<${one}@b>`).join(' ')}`}`;

describe('thread', () => {
  it('breaks loops of references', () => {
    const items = [item(1, ref('a')), item(2, ref('b', 'c', 'a')), item(3, ref('c', 'b'))];
    expect(threads(items)).toBe('(3 1 2)');
    expect(threads(items.slice(1))).toBe('(3 2)');
  });

  it('keeps siblings of a message that is not here', () => {
    expect(threads([item(1, ref('a', 'x')), item(2, ref('b', 'x')), item(3, ref('c', 'b'))])).toBe('((1)(2 3))');
    expect(threads([item(1, ref('a', 'x', 'y'))])).toBe('(1)');
  });

  it('branches', () => {
    expect(threads([item(1, ref('a')), item(2, ref('b', 'a')), item(3, ref('c', 'a', 'b')), item(4, ref('d', 'a'))])).toBe('(1 (2 3)(4))');
  });

  it('uses In-Reply-To where References is missing, and a second id of one name not at all', () => {
    expect(threads([item(1, ref('a')), item(2, 'Message-ID: <b@b>\nIn-Reply-To: <a@b> <z@b>'), item(3, ref('a', 'b'))])).toBe('(1 2 3)');
  });

  it('merges by subject, but not in REFS', () => {
    const items = [
      item(1, 'Subject: x'),
      item(2, 'Subject: Re: x'),
      item(3, 'Subject: y'),
      item(4, 'Subject: y'),
      item(5, 'Subject: RE: y'),
    ];
    expect(threads(items)).toBe('(1 2)((3)(4)(5))');
    expect(threads(items, 'refs')).toBe('(1)(2)(3)(4)(5)');
    expect(threads([item(1, 'Subject: Re: x'), item(2, 'Subject: x')])).toBe('(2 1)');
    expect(threads([item(1, 'Subject: x'), item(2, `Subject: x\n${ref('c', 'z')}`), item(3, ref('d', 'z'))])).toBe('((1)(2)(3))');
  });

  it('orders REFS threads by their newest message', () => {
    expect(threads([item(1, ref('a')), item(2, ref('b')), item(3, ref('c', 'a'))], 'refs')).toBe('(2)(1 3)');
  });

  it('groups by ordered subject', () => {
    const dated = (uid: number, subject: string, day: number) => item(uid, `Subject: ${subject}\nDate: ${day} Feb 2007 00:00:00 +0000`);
    expect(threads([dated(1, 'b', 3), dated(2, 'a', 2), dated(3, 'Re: b', 1), dated(4, 'b', 4)], 'orderedsubject')).toBe('(3 (1)(4))(2)');
  });

  it('has each message once, whatever they refer to', () => {
    const id = fc.constantFrom('a', 'b', 'c', 'd', 'e');
    const header = fc
      .tuple(fc.option(id), fc.array(id, { maxLength: 4 }), fc.constantFrom('', 'x', 'Re: x', 'y'))
      .map(
        ([own, refs, subject]) =>
          `${own === null ? 'X: y' : ref(own)}\nReferences: ${refs.map((one) => `<${one}@b>`).join(' ')}\nSubject: ${subject}`,
      );
    fc.assert(
      fc.property(
        fc.array(header, { maxLength: 12 }),
        fc.constantFrom('references' as const, 'refs' as const, 'orderedsubject' as const),
        (headers, algorithm) => {
          const found: number[] = [];
          const walk = (nodes: readonly ThreadNode[]): void => {
            for (const { uid, children } of nodes) {
              if (uid !== null) found.push(uid);
              walk(children);
            }
          };
          walk(
            atOnce(
              thread(
                headers.map((text, i) => item(i + 1, text)),
                algorithm,
              ),
            ),
          );
          expect(found.sort((a, b) => a - b)).toEqual(headers.map((_, i) => i + 1));
        },
      ),
      { numRuns: runs(1000) },
    );
  });

  it('follows a chain of 20,000 replies', () => {
    const items = Array.from({ length: 20_000 }, (_, i) => item(i + 1, i === 0 ? ref('m0') : ref(`m${i}`, `m${i - 1}`)));
    expect(threads(items)).toMatch(/^\(1 2 3 .* 20000\)$/);
  });
});

describe('slices', () => {
  it.each(['references', 'refs', 'orderedsubject'] as const)('of %s look at a bounded number of messages', (algorithm) => {
    let looked = 0;
    let most = 0;
    const empty = item(1, '').keys;
    const keysOf = (n: number): ThreadItem['keys'] => ({
      ...empty,
      sent: ((n * 7919) % 30_011) * 1000,
      subject: `S${n % 5000}`,
      messageId: `<m${n}@b>`,
      references: n % 5 === 0 ? [] : [`<m${n - 1}@b>`],
    });
    const items = Array.from({ length: 30_000 }, (_, n) => {
      const keys = keysOf(n);
      return {
        uid: n + 1,
        internalDate: n,
        get keys() {
          looked++;
          return keys;
        },
      };
    });
    const work = thread(items, algorithm);
    for (let step = work.next(); step.done !== true; step = work.next()) {
      most = Math.max(most, looked);
      looked = 0;
    }
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(12_000);
  });
});

describe('sort', () => {
  const subjects = ['a', 'C', 'b', '_', '[foo] Fwd: [bar] Re: fw: b (fWd)  (fwd)', 'b (a)', 'Re: [FWD: c]', '[xyz]', ''];
  const items = subjects.map((subject, i) => item(i + 1, `Subject: ${subject}`));
  it.each([
    [[{ key: 'subject' as const, reverse: false }], [9, 1, 3, 5, 6, 2, 7, 8, 4]],
    [[{ key: 'subject' as const, reverse: true }], [4, 8, 2, 7, 6, 3, 5, 1, 9]],
    [
      [
        { key: 'subject' as const, reverse: false },
        { key: 'size' as const, reverse: true },
      ],
      [9, 1, 5, 3, 6, 7, 2, 8, 4],
    ],
    [[{ key: 'date' as const, reverse: true }], [9, 8, 7, 6, 5, 4, 3, 2, 1]],
  ])('by %j', (criteria, expected) => {
    expect(Array.from(atOnce(sortedUids(items, criteria)))).toEqual(expected);
  });
});
