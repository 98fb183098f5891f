import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fakeDirectory } from '../../test/support/fake-mail.ts';
import { scratch } from '../../test/support/scratch.ts';
import { systemClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import type { Address } from '../mail/address.ts';
import { splitAddress } from '../mail/address.ts';
import { Fault } from '../mail/fault.ts';
import { formatReply } from '../mail/reply.ts';
import type { Dns, DnsAnswer } from '../net/dns.ts';
import { parseRestrictions } from './parse.ts';
import { createPolicy } from './policy.ts';
import { Rates } from './rates.ts';
import { reversedAddress } from './restrictions/dnsbl.ts';
import { type Stage, type Subject, stages } from './subject.ts';

const directory = fakeDirectory();

async function subject(changes: Partial<Subject> & { from?: string; to?: string } = {}): Promise<Subject> {
  const { from = 'a@b.example', to = 'user1@example.com', ...rest } = changes;
  const forwardPath = splitAddress(to) ?? { localPart: to, domain: '' };
  const expansion = await directory.expand(forwardPath);
  return {
    session: 'x',
    remoteAddress: '192.0.2.1',
    remoteName: 'unknown',
    reverseName: null,
    trusted: false,
    login: null,
    secure: false,
    helo: 'client.b.example',
    reversePath: from === '' ? null : (splitAddress(from) as Address),
    forwardPath,
    expansion: expansion.failure === 'noSuchDomain' ? null : expansion,
    recipients: 1,
    earlyTalker: false,
    ...rest,
  };
}

async function judged(lists: Partial<Record<Stage, readonly string[]>>, about: Subject, dns: Dns | null = null): Promise<string | null> {
  const restrictions = Object.fromEntries(stages.map((stage) => [stage, lists[stage] ?? []])) as Record<Stage, string[]>;
  const policy = createPolicy({ mynetworks: [], restrictions }, { directory, dns, clock: systemClock, log: silentLog });
  const reply = await policy.recipient(about);
  return reply === null ? null : formatReply(reply).trimEnd();
}

/** Records by `TYPE name`; what is missing does not exist, 'fail' is no answer. */
function dnsOf(records: Record<string, readonly unknown[] | 'fail'>): Dns {
  const ask = (type: string) => async (name: string) => {
    const found = records[`${type} ${name}`];
    if (found === 'fail') throw new Fault('unavailable', 'SERVFAIL');
    return { records: found ?? [], exists: found !== undefined, authenticated: false, canonical: name } as DnsAnswer<never>;
  };
  return {
    mx: ask('MX'),
    a: ask('A'),
    aaaa: ask('AAAA'),
    txt: ask('TXT'),
    ptr: ask('PTR'),
    tlsa: ask('TLSA'),
    cname: ask('CNAME'),
    srv: ask('SRV'),
  };
}

describe('a restriction', () => {
  const account = { id: 1, address: 'user1@example.com', password: '', enabled: true, home: '', quota: 0 } as Subject['login'];
  const rows: readonly (readonly [string, Partial<Subject> & { from?: string; to?: string }, string | null])[] = [
    ['permit', {}, null],
    ['reject', {}, '554 5.7.1 <user1@example.com>: Recipient address rejected: Access denied'],
    ['defer', {}, '450 4.7.1 <user1@example.com>: Recipient address rejected: Try again later'],
    ['permit_mynetworks, reject', { trusted: true }, null],
    ['permit_mynetworks, reject', {}, '554 5.7.1 <user1@example.com>: Recipient address rejected: Access denied'],
    ['permit_sasl_authenticated reject', { login: account }, null],
    ['reject_unauth_destination', {}, null],
    ['reject_unauth_destination', { to: 'x@y.example' }, '554 5.7.1 <x@y.example>: Relay access denied'],
    ['defer_unauth_destination', { to: 'x@y.example' }, '454 4.7.1 <x@y.example>: Relay access denied'],
    ['permit_auth_destination, reject', {}, null],
    ['reject_invalid_helo_hostname', { helo: '[x' }, '501 5.5.2 <[x>: Helo command rejected: Invalid name'],
    ['reject_invalid_hostname', { helo: 'a..b' }, '501 5.5.2 <a..b>: Helo command rejected: Invalid name'],
    ['reject_invalid_helo_hostname', { helo: 'localhost' }, null],
    ['reject_non_fqdn_helo_hostname', { helo: 'localhost' }, '504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname'],
    ['reject_non_fqdn_helo_hostname', { helo: '[192.0.2.1]' }, null],
    ['reject_non_fqdn_sender', { from: 'a@host' }, '504 5.5.2 <a@host>: Sender address rejected: need fully-qualified address'],
    ['reject_non_fqdn_sender', { from: '' }, null],
    [
      'reject_non_fqdn_recipient',
      { to: 'a@host', trusted: true },
      '504 5.5.2 <a@host>: Recipient address rejected: need fully-qualified address',
    ],
    [
      'reject_unlisted_recipient',
      { to: 'no@example.com' },
      '550 5.1.1 <no@example.com>: Recipient address rejected: User unknown in virtual mailbox table',
    ],
    [
      'reject_unlisted_sender',
      { from: 'no@example.com' },
      '550 5.1.0 <no@example.com>: Sender address rejected: User unknown in virtual mailbox table',
    ],
    ['reject_unlisted_sender', { from: 'no@b.example' }, null],
    [
      'reject_sender_login_mismatch',
      { from: 'user1@example.com' },
      '553 5.7.1 <user1@example.com>: Sender address rejected: not logged in',
    ],
    [
      'reject_sender_login_mismatch',
      { from: 'user2@example.com', login: account },
      '553 5.7.1 <user2@example.com>: Sender address rejected: not owned by user user1@example.com',
    ],
    ['reject_sender_login_mismatch', { from: '', login: account }, null],
    [
      'reject_multi_recipient_bounce',
      { from: '', recipients: 2 },
      '550 5.5.3 <user1@example.com>: Recipient address rejected: Multi-recipient bounce',
    ],
    ['reject_plaintext_session', {}, '450 4.7.1 <unknown[192.0.2.1]>: Client host rejected: Session encryption is required'],
    ['warn_if_reject reject, permit', {}, null],
    ['defer_if_permit, reject', {}, '554 5.7.1 <user1@example.com>: Recipient address rejected: Access denied'],
    ['defer_if_permit, permit', {}, '450 4.7.1 <user1@example.com>: Recipient address rejected: defer_if_permit requested'],
    ['check_client_access inline:{192.0.2=REJECT spam}', {}, '554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: spam'],
    ['check_client_access inline:{b.example=OK}, reject', { remoteName: 'mx.b.example' }, null],
    ['check_helo_access inline:{b.example=450 4.7.9 wait}', {}, '450 4.7.9 <client.b.example>: Helo command rejected: wait'],
    ['check_sender_access inline:{a@=DEFER}', {}, '450 4.7.1 <a@b.example>: Sender address rejected: Try again later'],
    ['check_sender_access inline:{<>=REJECT}', { from: '' }, '554 5.7.1 <>: Sender address rejected: Access denied'],
    ['check_sender_access inline:{b.example=DUNNO, example=REJECT}, permit', {}, null],
    ['check_recipient_access inline:{y.example=OK}', { to: 'x@y.example' }, '554 5.7.1 <x@y.example>: Relay access denied'],
  ];
  it.each(rows)('%s %j', async (list, about, expected) => {
    expect(await judged({ recipient: [list] }, await subject(about))).toBe(expected);
  });

  it('of an earlier stage speaks at RCPT, and a permit ends only its own list', async () => {
    expect(await judged({ client: ['permit'], sender: ['reject'] }, await subject())).toBe(
      '554 5.7.1 <a@b.example>: Sender address rejected: Access denied',
    );
    expect(await judged({ client: ['reject'] }, await subject())).toMatch(/Client host rejected/);
  });

  it('about DATA', async () => {
    const restrictions = { client: [], helo: [], sender: [], recipient: [], data: ['reject_unauth_pipelining'] };
    const policy = createPolicy({ mynetworks: [], restrictions }, { directory, dns: null, clock: systemClock, log: silentLog });
    expect(await policy.data(await subject())).toBeNull();
    expect(await policy.data(await subject({ earlyTalker: true }))).toMatchObject({ code: 503, detail: '5.0' });
  });
});

describe('a restriction that asks DNS', () => {
  const dns = dnsOf({
    'A 1.2.0.192.bl.example': ['127.0.0.2'],
    'TXT 1.2.0.192.bl.example': ['see http://bl.example/'],
    'A 1.2.0.192.refusing.example': ['127.255.255.254'],
    'MX b.example': [{ preference: 10, exchange: 'mx.b.example' }],
    'MX null.example': [{ preference: 0, exchange: '' }],
    'A host.example': ['192.0.2.9'],
    'A b.example.rhsbl.example': ['127.0.0.2'],
    'MX broken.example': 'fail',
  });
  const rows: readonly (readonly [string, Partial<Subject> & { from?: string; to?: string }, string | null])[] = [
    [
      'reject_rbl_client bl.example',
      {},
      '554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using bl.example; see http://bl.example/',
    ],
    ['reject_rbl_client refusing.example', {}, null],
    ['reject_rbl_client other.example', {}, null],
    ['reject_rhsbl_sender rhsbl.example', {}, '554 5.7.1 Service unavailable; Sender address [b.example] blocked using rhsbl.example'],
    ['permit_dnswl_client bl.example, reject', {}, null],
    ['reject_unknown_sender_domain', {}, null],
    ['reject_unknown_sender_domain', { from: 'a@host.example' }, null],
    ['reject_unknown_sender_domain', { from: 'a@none.example' }, '450 4.1.8 <a@none.example>: Sender address rejected: Domain not found'],
    [
      'reject_unknown_sender_domain',
      { from: 'a@null.example' },
      '550 5.7.27 <a@null.example>: Sender address rejected: Domain null.example does not accept mail (nullMX)',
    ],
    ['reject_unknown_sender_domain', { from: 'a@broken.example' }, '450 4.4.3 reject_unknown_sender_domain: temporary lookup failure'],
    [
      'reject_unknown_recipient_domain',
      { to: 'a@none.example', trusted: true },
      '450 4.1.2 <a@none.example>: Recipient address rejected: Domain not found',
    ],
    ['reject_unknown_helo_hostname', { helo: 'none.example' }, '450 4.7.1 <none.example>: Helo command rejected: Host not found'],
    ['reject_unknown_client', {}, '450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]'],
  ];
  it.each(rows)('%s %j', async (list, about, expected) => {
    expect(await judged({ recipient: [list] }, await subject(about), dns)).toBe(expected);
  });

  it('reverses addresses', () => {
    expect(reversedAddress('192.0.2.1')).toBe('1.2.0.192');
    expect(reversedAddress('2001:db8::1')).toBe('1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2');
  });
});

describe('a list that cannot be read', () => {
  it.each([
    ['reject_unauth_destinations', 'unknown restriction "reject_unauth_destinations"; did you mean "reject_unauth_destination"?'],
    ['permit_mynetwork', 'unknown restriction "permit_mynetwork"; did you mean "permit_mynetworks"?'],
    ['toString', 'unknown restriction "toString"'],
    ['reject_rbl_client zen.example', 'unknown restriction "reject_rbl_client": it needs DNS, which is off'],
    ['check_client_access', 'check_client_access needs a table after it'],
    ['check_client_access permit', 'check_client_access needs a table after it'],
    ['check_client_access inline:{a=FOO}', 'inline:{a=FOO}: unknown action "FOO"'],
    ['check_client_access mysql:x', '"mysql:x" is no table; write inline:{key=action, …}, texthash:/path or cidr:/path'],
    ['warn_if_reject', 'warn_if_reject needs a restriction after it'],
  ])('%s', (list, detail) => {
    expect(() => parseRestrictions([list])).toThrow(expect.objectContaining({ name: 'Fault', kind: 'syntax', detail }) as Error);
  });

  it('is not one that is written over several strings or lines', () => {
    const rules = parseRestrictions([
      'permit_mynetworks,',
      '  reject_invalid_hostname\n  check_sender_access',
      'inline:{a=OK, b=REJECT no}',
      'permit',
    ]);
    expect(rules.map(({ restriction }) => restriction.name)).toEqual([
      'permit_mynetworks',
      'reject_invalid_helo_hostname',
      'check_sender_access',
      'permit',
    ]);
  });
});

describe('a table in a file', () => {
  it('has comments, continued lines and networks', async () => {
    const dir = scratch('table');
    writeFileSync(join(dir, 'senders'), '# who\na@b.example REJECT\n  not you\n\nb.example OK\n');
    writeFileSync(join(dir, 'clients'), '192.0.2.0/28 REJECT near\n0.0.0.0/0 OK\n');
    expect(await judged({ sender: [`check_sender_access texthash:${dir}/senders`] }, await subject())).toBe(
      '554 5.7.1 <a@b.example>: Sender address rejected: not you',
    );
    expect(await judged({ client: [`check_client_access cidr:${dir}/clients, reject`] }, await subject())).toMatch(/near$/);
    expect(
      await judged({ client: [`check_client_access cidr:${dir}/clients, reject`] }, await subject({ remoteAddress: '192.0.2.77' })),
    ).toBeNull();
  });
});

describe('a policy server', () => {
  async function served(answer: string, run: (port: number, asked: () => string) => Promise<void>): Promise<void> {
    let text = '';
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (text.endsWith('\n\n')) socket.write(answer);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      await run((server.address() as AddressInfo).port, () => text);
    } finally {
      server.close();
    }
  }
  const rows: readonly (readonly [string, string | null])[] = [
    ['action=DUNNO\n\n', null],
    ['action=OK\n\n', null],
    ['action=DEFER_IF_PERMIT greylisted\n\n', '450 4.7.1 <user1@example.com>: Recipient address rejected: greylisted'],
    ['action=DEFER_IF_PERMIT 4.2.0 greylisted\n\n', '450 4.2.0 <user1@example.com>: Recipient address rejected: greylisted'],
    ['action=REJECT 5.2.1\n\n', '554 5.2.1 <user1@example.com>: Recipient address rejected: Access denied'],
    ['action=REJECT no\n\n', '554 5.7.1 <user1@example.com>: Recipient address rejected: no'],
    ['action=550 5.7.2 no\r\n\n', '550 5.7.2 <user1@example.com>: Recipient address rejected: no'],
    ['nonsense\n\n', '451 4.3.5 Server configuration problem'],
    ['x'.repeat(20_000), '451 4.3.5 Server configuration problem'],
  ];
  it.each(rows)('that says %j', async (answer, expected) => {
    await served(answer, async (port, asked) => {
      expect(await judged({ recipient: [`check_policy_service inet:127.0.0.1:${port}`] }, await subject())).toBe(expected);
      expect(asked()).toMatch(/^request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n(?:.+=.*\n)+\n$/);
      expect(asked()).toContain('client_address=192.0.2.1\n');
      expect(asked()).toContain('recipient=user1@example.com\n');
    });
  });

  it('that is not there defers', async () => {
    expect(await judged({ recipient: ['check_policy_service unix:/nowhere/at/all'] }, await subject())).toBe(
      '451 4.3.5 Server configuration problem',
    );
    expect(() => parseRestrictions(['check_policy_service nowhere'])).toThrow(Fault);
  });
});

describe('rates', () => {
  it('count by address and time unit', () => {
    let now = 0;
    const rates = new Rates({ timeUnit: 60_000, connections: 0, messages: 2, recipients: 0, auths: 0 }, { now: () => now });
    const count = (address: string) => rates.count(address, 'messages');
    expect([count('a'), count('a'), count('a'), count('b')]).toEqual([true, true, false, true]);
    expect(rates.count('a', 'connections')).toBe(true);
    now = 60_000;
    expect(count('a')).toBe(true);
    now = -1_000_000;
    expect(count('a')).toBe(true);
  });
});
