import { describe, expect, it } from 'vitest';
import { Fault } from '../mail/fault.ts';
import type { Dns } from '../net/dns.ts';
import { remoteName } from './remote-name.ts';

function dns(ptr: readonly string[] | 'fail' | 'never', a: readonly string[] = []): Dns {
  const answer = (records: readonly string[]) => ({ records, exists: true, authenticated: false, canonical: '' });
  return {
    async ptr() {
      if (ptr === 'never') return await new Promise(() => {});
      if (ptr === 'fail') throw new Fault('unavailable');
      return answer(ptr);
    },
    a: async () => answer(a),
    aaaa: async () => answer(a),
  } as unknown as Dns;
}

describe("a client's name", () => {
  it.each([
    ['that leads back', dns(['Mx.B.example.'], ['192.0.2.1']), { verified: 'mx.b.example', reverse: 'mx.b.example' }],
    ['that does not', dns(['mx.b.example'], ['192.0.2.9']), { verified: 'unknown', reverse: 'mx.b.example' }],
    ['that is none', dns(['a\r\nb.example', 'x y']), { verified: 'unknown', reverse: null }],
    ['that is not there', dns([]), { verified: 'unknown', reverse: null }],
    ['that cannot be asked', dns('fail'), { verified: 'unknown', reverse: null }],
    ['that takes too long', dns('never'), { verified: 'unknown', reverse: null }],
    ['without DNS', null, { verified: 'unknown', reverse: null }],
  ])('%s', async (_, source, expected) => {
    expect(await remoteName('192.0.2.1', source, 50)).toEqual(expected);
  });

  it('on loopback is localhost', async () => {
    expect(await remoteName('127.0.0.1', null)).toEqual({ verified: 'localhost', reverse: 'localhost' });
  });
});
