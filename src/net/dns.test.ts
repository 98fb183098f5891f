import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startDns, type TestDns } from '../../test/support/dns-server.ts';
import type { Dns } from './dns.ts';
import { dnsName, ip6Digits, reverseName } from './dns-name.ts';
import { createDns } from './dns-resolver.ts';

let server: TestDns;
let dns: Dns;
let now = 0;
beforeEach(async () => {
  server = await startDns();
  now = 1_000_000;
  dns = createDns({ servers: [server], timeout: 100, attempts: 1 }, { now: () => now });
});
afterEach(() => server.close());

describe('dns', () => {
  it('reads every type', async () => {
    Object.assign(server.zone, {
      'example.com MX': [
        { preference: 10, exchange: 'MX1.example.com' },
        { preference: 20, exchange: 'mx2.example.com' },
      ],
      'example.com A': ['192.0.2.1'],
      'example.com AAAA': ['2001:db8::1'],
      'example.com TXT': [['v=spf1 ', '-all'], 'other'],
      '1.2.0.192.in-addr.arpa PTR': ['host.example.com'],
      '_25._tcp.mx1.example.com TLSA': [{ usage: 3, selector: 1, matchingType: 1, certificate: Buffer.from('aa', 'hex') }],
      '_imaps._tcp.example.com SRV': [{ priority: 0, weight: 1, port: 993, target: 'imap.example.com' }],
    });
    expect((await dns.mx('Example.COM.')).records).toEqual([
      { preference: 10, exchange: 'mx1.example.com' },
      { preference: 20, exchange: 'mx2.example.com' },
    ]);
    expect((await dns.a('example.com')).records).toEqual(['192.0.2.1']);
    expect((await dns.aaaa('example.com')).records).toEqual(['2001:db8::1']);
    expect((await dns.txt('example.com')).records).toEqual(['v=spf1 -all', 'other']);
    expect((await dns.ptr('192.0.2.1')).records).toEqual(['host.example.com']);
    expect((await dns.tlsa('_25._tcp.mx1.example.com')).records).toEqual([
      { usage: 3, selector: 1, matching: 1, data: Buffer.from('aa', 'hex') },
    ]);
    expect((await dns.srv('_imaps._tcp.example.com')).records[0]?.port).toBe(993);
  });

  it('reads a null MX', async () => {
    server.zone['none.example MX'] = [{ preference: 0, exchange: '.' }];
    expect((await dns.mx('none.example')).records).toEqual([{ preference: 0, exchange: '' }]);
  });

  it('tells no such name, no such record and failure apart', async () => {
    server.zone['example.com A'] = ['192.0.2.1'];
    server.zone['broken.example MX'] = 'SERVFAIL';
    server.zone['slow.example MX'] = 'silent';
    expect(await dns.mx('example.com')).toMatchObject({ records: [], exists: true });
    expect(await dns.mx('nowhere.example')).toMatchObject({ records: [], exists: false });
    await expect(dns.mx('broken.example')).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(dns.mx('slow.example')).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await dns.mx('bad name.example')).toMatchObject({ exists: false });
  });

  it('follows CNAME, asks over TCP what does not fit, and knows AD', async () => {
    server.zone['www.example.com CNAME'] = ['host.example.com'];
    server.zone['host.example.com A'] = ['192.0.2.1'];
    server.zone['big.example TXT'] = Array.from({ length: 20 }, (_, i) => `${i} ${'x'.repeat(200)}`);
    server.authenticated = true;
    expect(await dns.a('www.example.com')).toMatchObject({ records: ['192.0.2.1'], canonical: 'host.example.com', authenticated: true });
    expect((await dns.txt('big.example')).records).toHaveLength(20);
    const distrustful = createDns({ servers: [server], authenticated: false });
    expect((await distrustful.a('www.example.com')).authenticated).toBe(false);
  });

  it('keeps answers for their TTL and asks once for many', async () => {
    server.zone['example.com A'] = ['192.0.2.1'];
    await Promise.all([dns.a('example.com'), dns.a('example.com'), dns.a('EXAMPLE.com')]);
    now += 59_000;
    await dns.a('example.com');
    expect(server.asked).toHaveLength(1);
    now += 2_000;
    await dns.a('example.com');
    expect(server.asked).toHaveLength(2);
  });

  it('asks the next server when one is silent', async () => {
    const second = await startDns({ 'example.com A': ['192.0.2.9'] });
    server.zone['example.com A'] = 'silent';
    const both = createDns({ servers: [server, second], timeout: 50 });
    expect((await both.a('example.com')).records).toEqual(['192.0.2.9']);
    await second.close();
  });
});

describe('names', () => {
  it.each([
    ['Example.COM.', 'example.com'],
    ['日本.example', 'xn--wgv71a.example'],
    ['_dmarc.example.com', '_dmarc.example.com'],
    ['', null],
    ['a..b', null],
    [`${'x'.repeat(64)}.example`, null],
    ['a b', null],
  ])('%s is %s', (given, wanted) => expect(dnsName(given)).toBe(wanted));

  it('reverses addresses', () => {
    expect(reverseName('192.0.2.1')).toBe('1.2.0.192.in-addr.arpa');
    expect(reverseName('::ffff:192.0.2.1')).toBe('1.2.0.192.in-addr.arpa');
    expect(reverseName('2001:db8::1')).toBe('1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa');
    expect(reverseName('example')).toBeNull();
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        expect(ip6Digits(address)).toMatch(/^[0-9a-f]{32}$/);
      }),
    );
  });
});
