import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SmtpClient } from './client.ts';
import { Pool } from './pool.ts';

interface Fake {
  usable: boolean;
  messages: number;
  ended: string | null;
}
/** As much of a session as a pool sees. */
function session(): SmtpClient & Fake {
  const fake = {
    usable: true,
    messages: 0,
    ended: null as string | null,
    ref: () => {},
    unref: () => {},
    quit: () => {
      fake.ended = 'quit';
    },
    destroy: () => {
      fake.ended = 'destroyed';
    },
  };
  return fake as unknown as SmtpClient & Fake;
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** What became of each, in the order of asking: the session, null = open one, undefined = waits. */
function taking(pool: Pool, count: number): (SmtpClient | null | undefined)[] {
  const got: (SmtpClient | null | undefined)[] = Array.from({ length: count }, () => undefined);
  got.forEach((_, i) => {
    void pool.take('a').then((client) => {
      got[i] = client;
    });
  });
  return got;
}
const pass = (time: number) => vi.advanceTimersByTimeAsync(time);

describe('sessions between messages', () => {
  it('are used again, the last one first, until they are old, spent or broken', async () => {
    const pool = new Pool(5_000, 100);
    const [one, two] = [session(), session()];
    expect(await pool.take('a')).toBeNull();
    const other = taking(pool, 1);
    await pass(100);
    expect(other).toEqual([null]);
    pool.give('a', one);
    pool.give('a', two);
    expect(await pool.take('b')).toBeNull();
    expect(await pool.take('a')).toBe(two);
    two.messages = 100;
    pool.give('a', two);
    expect(two.ended).toBe('quit');
    one.usable = false;
    expect(await pool.take('a')).toBeNull();
    expect(one.ended).toBe('destroyed');
    const three = session();
    pool.give('a', three);
    await pass(4_999);
    expect(three.ended).toBeNull();
    await pass(1);
    expect(three.ended).toBe('quit');
  });

  it('are waited for, as long as a new one takes', async () => {
    const pool = new Pool(5_000, 100);
    const one = session();
    expect(await pool.take('a')).toBeNull();
    pool.opened('a', 180);
    const got = taking(pool, 3);
    await pass(40);
    pool.give('a', one);
    await pass(0);
    // 40 of the first, which got it; 40 and 40 of the others.
    expect(got).toEqual([one, undefined, undefined]);
    await pass(29);
    expect(got).toEqual([one, undefined, undefined]);
    await pass(1);
    expect(got).toEqual([one, null, undefined]);
    await pass(109);
    expect(got[2]).toBeUndefined();
    await pass(1);
    expect(got[2]).toBeNull();
  });

  it('are not waited for when none can be opened, or the last breaks', async () => {
    const pool = new Pool(5_000, 100);
    expect(await pool.take('a')).toBeNull();
    const unreachable = taking(pool, 3);
    pool.give('a', null);
    await pass(0);
    expect(unreachable).toEqual([null, null, null]);
    const one = session();
    one.usable = false;
    const waiting = taking(pool, 2);
    pool.give('a', one);
    pool.give('a', null);
    await pass(0);
    expect(waiting).toEqual([null, null]);
  });

  it('are so many at most', async () => {
    const pool = new Pool(5_000, 100);
    const all = Array.from({ length: 401 }, session);
    for (const [i, one] of all.entries()) {
      expect(await pool.take(`${i}`)).toBeNull();
      pool.give(`${i}`, one);
    }
    expect(all.map(({ ended }) => ended).lastIndexOf('quit')).toBe(0);
    pool.close();
    expect(all.every(({ ended }) => ended === 'quit')).toBe(true);
  });
});
