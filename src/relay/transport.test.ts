import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startDns, type TestDns } from '../../test/support/dns-server.ts';
import { type Sink, type SinkScript, startSink } from '../../test/support/smtp-sink.ts';
import { systemClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { splitAddress } from '../mail/address.ts';
import type { Envelope } from '../mail/envelope.ts';
import { createDns } from '../net/dns-resolver.ts';
import type { QueueId } from '../queue/queue.ts';
import type { Job, JobOutcome, QueuedRecipient } from '../queue/transport.ts';
import { makeSelfSigned } from '../server/certificates.ts';
import { MtaSts } from './mta-sts.ts';
import { defaultRelaySettings, type RelaySettings } from './settings.ts';
import { type RelayTransport, relayTransport } from './transport.ts';

let dir: string;
let dns: TestDns;
const sinks: Sink[] = [];
const transports: RelayTransport[] = [];
let pem: string;
beforeAll(() => {
  pem = makeSelfSigned('mx.there.test', 'ec');
});
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-relay-'));
  dns = await startDns({ 'there.test MX': [{ preference: 10, exchange: 'mx.there.test' }], 'mx.there.test A': ['127.0.0.1'] });
});
afterEach(async () => {
  for (const transport of transports.splice(0)) await transport.close();
  for (const sink of sinks.splice(0)) await sink.close();
  await dns.close();
  rmSync(dir, { recursive: true, force: true });
});

async function sink(script: SinkScript = {}, address?: string, port?: number): Promise<Sink> {
  const started = await startSink(script, address, port);
  sinks.push(started);
  return started;
}

let jobs = 0;
interface MailOptions {
  envelope?: Partial<Envelope>;
  text?: string | Buffer;
  recipient?: Partial<QueuedRecipient>;
}
function job(to: string[], { envelope = {}, text = 'Subject: hi\n\nhello\n', recipient = {} }: MailOptions = {}): Job {
  const file = join(dir, `m${++jobs}`);
  writeFileSync(file, text);
  return {
    job: jobs,
    token: 1,
    id: `TEST${jobs}` as QueueId,
    transport: 'relay',
    destination: 'there.test',
    envelope: { reversePath: splitAddress('ann@here.test'), body: '7bit', smtputf8: false, requireTls: false, ...envelope },
    sender: null,
    created: 0,
    attempts: 0,
    message: { file, size: Buffer.byteLength(text) },
    recipients: to.map((address, i) => ({ id: i + 1, address: splitAddress(address)!, original: address, ...recipient })),
  };
}

function relay(
  port: number,
  settings: Partial<RelaySettings> = {},
  deps: Partial<Parameters<typeof relayTransport>[1]> = {},
): RelayTransport {
  const short = { connect: 300, greeting: 300, command: 300, dataInitiation: 300, dataBlock: 300, dataDone: 300 };
  const transport = relayTransport(
    { ...defaultRelaySettings, hostname: 'here.test', port, timeouts: short, ...settings },
    {
      clock: systemClock,
      log: silentLog,
      dns: createDns({ servers: [dns], timeout: 200, attempts: 1 }),
      sts: null,
      ownAddresses: () => false,
      random: () => 0,
      ...deps,
    },
  );
  transports.push(transport);
  return transport;
}

async function deliver(transport: RelayTransport, work: Job): Promise<Record<string, JobOutcome>> {
  const outcomes: Record<string, JobOutcome> = {};
  await transport.deliver(
    work,
    (recipient, outcome) => {
      expect(outcomes[recipient.original]).toBeUndefined();
      outcomes[recipient.original] = outcome;
    },
    new AbortController().signal,
  );
  expect(Object.keys(outcomes).sort()).toEqual(work.recipients.map((one) => one.original).sort());
  return outcomes;
}

describe('relay', () => {
  it('delivers, pipelined, and uses the connection again', async () => {
    const s = await sink();
    const r = relay(s.port);
    const outcomes = await deliver(r, job(['bob@there.test', 'eve@there.test'], { text: 'Subject: hi\n\n.dot\n..\nend' }));
    expect(outcomes['bob@there.test']).toMatchObject({
      result: 'delivered',
      reply: '250 2.0.0 Ok: queued as SINK',
      relay: 'mx.there.test',
    });
    await deliver(r, job(['joe@there.test']));
    expect(s.sessions).toBe(1);
    expect(s.received[0]).toMatchObject({
      mail: 'MAIL FROM:<ann@here.test> SIZE=28',
      rcpt: ['RCPT TO:<bob@there.test> ORCPT=rfc822;bob@there.test', expect.anything()],
    });
    expect(s.received[0]?.wire.toString()).toBe('Subject: hi\r\n\r\n..dot\r\n...\r\nend\r\n');
    expect(s.received[0]?.text).toBe('Subject: hi\n\n.dot\n..\nend\n');
    expect(s.lines.filter((line) => line.startsWith('EHLO'))).toHaveLength(1);
  });

  it.each([true, false])('keeps replies per recipient (pipelining %s)', async (pipelining) => {
    const s = await sink({
      extensions: pipelining ? ['PIPELINING'] : [],
      on: (verb, line) =>
        verb === 'RCPT' && line.includes('bad')
          ? '550-5.1.1 No such\r\n550 5.1.1 user here'
          : verb === 'RCPT' && line.includes('grey')
            ? '450 4.7.1 Later'
            : undefined,
    });
    const outcomes = await deliver(relay(s.port), job(['bob@there.test', 'bad@there.test', 'grey@there.test']));
    expect(outcomes).toMatchObject({
      'bob@there.test': { result: 'delivered' },
      'bad@there.test': { result: 'failed', reply: '550 5.1.1 No such 5.1.1 user here' },
      'grey@there.test': { result: 'deferred', reply: '450 4.7.1 Later' },
    });
    expect(outcomes['grey@there.test']?.unreachable).toBeUndefined();
    expect(s.received).toHaveLength(1);
  });

  const say = (at: string, reply: string): SinkScript => ({ on: (verb) => (verb === at ? reply : undefined) });
  it.each<[string, SinkScript, Partial<JobOutcome>]>([
    ['421 as greeting', { greeting: '421 4.3.2 Busy' }, { result: 'deferred', reply: '421 4.3.2 Busy', unreachable: true }],
    [
      '554 as greeting',
      { greeting: '554 5.7.1 Go away' },
      { result: 'deferred', reply: expect.stringMatching(/^451 4\.7\.1 .*554 5\.7\.1 Go away/), unreachable: true },
    ],
    [
      'a greeting that is no SMTP',
      { greeting: 'SSH-2.0-x' },
      { result: 'deferred', reply: expect.stringContaining('no SMTP reply'), unreachable: true },
    ],
    [
      'no greeting',
      { greeting: '220-one', on: () => null },
      { result: 'deferred', reply: expect.stringContaining('timed out'), unreachable: true },
    ],
    ['4xx to MAIL', say('MAIL', '451 4.3.0 Later'), { result: 'deferred', reply: '451 4.3.0 Later' }],
    ['5xx to MAIL', say('MAIL', '550 5.7.1 Not you'), { result: 'failed', reply: '550 5.7.1 Not you' }],
    ['421 to MAIL', say('MAIL', '421 4.7.0 Bye'), { result: 'deferred', reply: '421 4.7.0 Bye' }],
    ['421 to RCPT', say('RCPT', '421 4.7.0 Bye'), { result: 'deferred', reply: '421 4.7.0 Bye' }],
    ['4xx to DATA', say('DATA', '452 4.3.1 Full'), { result: 'deferred', reply: '452 4.3.1 Full' }],
    ['5xx to DATA', say('DATA', '554 5.7.1 No'), { result: 'failed', reply: '554 5.7.1 No' }],
    ['4xx to the text', say('TEXT', '451 4.7.1 Spam?'), { result: 'deferred', reply: '451 4.7.1 Spam?' }],
    ['5xx to the text', say('TEXT', '550 5.7.1 Spam'), { result: 'failed', reply: '550 5.7.1 Spam' }],
    ['reset in the text', { resetInText: 5 }, { result: 'deferred', reply: expect.stringContaining('lost connection') }],
    ['reset at MAIL', say('MAIL', 'reset'), { result: 'deferred', reply: expect.stringContaining('lost connection') }],
    ['reset after the text', say('TEXT', 'reset'), { result: 'deferred', reply: expect.stringContaining('end of data') }],
    [
      'silence at RCPT',
      { on: (verb) => (verb === 'RCPT' ? null : undefined) },
      { result: 'deferred', reply: expect.stringContaining('timed out while sending RCPT TO') },
    ],
    [
      'silence after the text',
      { on: (verb) => (verb === 'TEXT' ? null : undefined) },
      { result: 'deferred', reply: expect.stringContaining('timed out while sending end of data') },
    ],
    ['no EHLO', { on: (verb) => (verb === 'EHLO' ? '502 5.5.1 What?' : undefined) }, { result: 'delivered' }],
  ])('%s', async (_, script, wanted) => {
    const s = await sink(script);
    const outcomes = await deliver(relay(s.port), job(['bob@there.test']));
    expect(outcomes['bob@there.test']).toMatchObject(wanted);
    expect(s.received).toHaveLength(wanted.result === 'delivered' ? 1 : 0);
  });

  it('goes on to the next MX host when the first cannot be used or says 4xx', async () => {
    dns.zone['there.test MX'] = [
      { preference: 20, exchange: 'mx3.there.test' },
      { preference: 10, exchange: 'mx2.there.test' },
      { preference: 5, exchange: 'mx1.there.test' },
    ];
    Object.assign(dns.zone, { 'mx1.there.test A': ['127.0.0.2'], 'mx2.there.test A': ['127.0.0.3'], 'mx3.there.test A': ['127.0.0.4'] });
    const last = await sink({}, '127.0.0.4');
    const middle = await sink({ on: (verb) => (verb === 'MAIL' ? '451 4.3.0 Later' : undefined) }, '127.0.0.3', last.port);
    const outcomes = await deliver(relay(last.port), job(['bob@there.test']));
    expect(outcomes['bob@there.test']).toMatchObject({ result: 'delivered', relay: 'mx3.there.test' });
    expect([middle.sessions, last.sessions]).toEqual([1, 1]);
  });

  it.each<[string, Record<string, unknown>, Partial<JobOutcome>]>([
    [
      'null MX',
      { 'there.test MX': [{ preference: 0, exchange: '.' }] },
      { result: 'failed', reply: expect.stringMatching(/^556 5\.1\.10/) },
    ],
    [
      'no such domain',
      { 'there.test MX': undefined, 'mx.there.test A': undefined },
      { result: 'failed', reply: expect.stringMatching(/^550 5\.1\.2/) },
    ],
    ['SERVFAIL', { 'there.test MX': 'SERVFAIL' }, { result: 'deferred', reply: expect.stringMatching(/^451 4\.4\.3/), unreachable: true }],
    ['MX without address', { 'mx.there.test A': undefined }, { result: 'failed', reply: expect.stringMatching(/^550 5\.4\.4/) }],
    [
      'ourselves as best MX',
      {
        'there.test MX': [
          { preference: 1, exchange: 'here.test' },
          { preference: 2, exchange: 'mx.there.test' },
        ],
      },
      { result: 'failed', reply: expect.stringMatching(/^554 5\.4\.6/) },
    ],
  ])('%s', async (_, zone, wanted) => {
    for (const [key, value] of Object.entries(zone)) {
      if (value === undefined) delete dns.zone[key];
      else dns.zone[key] = value as never;
    }
    const outcomes = await deliver(relay(1, {}, { ownNames: new Set(['here.test']) }), job(['bob@there.test']));
    expect(outcomes['bob@there.test']).toMatchObject(wanted);
  });

  it('takes the domain itself where there is no MX, and an address literal', async () => {
    const s = await sink();
    dns.zone['plain.test A'] = ['127.0.0.1'];
    await deliver(relay(s.port), job(['bob@plain.test']));
    await deliver(relay(s.port), job(['bob@[127.0.0.1]']));
    expect(s.received).toHaveLength(2);
  });

  it('uses relayhost and transport table, with login', async () => {
    const s = await sink({ extensions: ['PIPELINING', 'AUTH PLAIN LOGIN'], on: (verb) => (verb === 'AUTH' ? '235 2.7.0 Ok' : undefined) });
    const passwordFile = join(dir, 'passwords');
    writeFileSync(passwordFile, `# next hop, login\n[127.0.0.1]:${s.port} ann@provider.test:se:cret\n`);
    const r = relay(9, {
      relayhost: `[127.0.0.1]:${s.port}`,
      transport: { '.direct.test': `[127.0.0.1]:${s.port}`, 'x.test': 'lmtp:[127.0.0.1]:9' },
      passwordFile,
    });
    expect(r.destination(splitAddress('a@b.test')!)).toBe(`[127.0.0.1]:${s.port}`);
    expect(r.destination(splitAddress('a@x.test')!)).toBe('lmtp:[127.0.0.1]:9');
    const outcomes = await deliver(r, job(['a@b.test', 'c@sub.direct.test']));
    expect(outcomes).toMatchObject({ 'a@b.test': { result: 'delivered' }, 'c@sub.direct.test': { result: 'delivered' } });
    expect(s.received).toHaveLength(1);
    expect(s.lines).toContain(`AUTH PLAIN ${Buffer.from('\0ann@provider.test\0se:cret').toString('base64')}`);
  });

  it('speaks LMTP with a reply for each recipient', async () => {
    const s = await sink({ lmtp: true, on: (verb, line) => (verb === 'TEXT' && line.includes('full') ? '452 4.2.2 Full' : undefined) });
    const r = relay(9, { transport: { 'there.test': `lmtp:[127.0.0.1]:${s.port}` } });
    expect(await deliver(r, job(['bob@there.test', 'full@there.test']))).toMatchObject({
      'bob@there.test': { result: 'delivered' },
      'full@there.test': { result: 'deferred', reply: '452 4.2.2 Full' },
    });
    expect(s.lines[0]).toBe('LHLO here.test');
  });

  it('splits long lists of recipients, also where the server wants fewer', async () => {
    let rcpt = 0;
    const s = await sink({
      on: (verb) => {
        if (verb === 'MAIL') rcpt = 0;
        return verb === 'RCPT' && ++rcpt > 20 ? '452 4.5.3 Too many recipients' : undefined;
      },
    });
    const to = Array.from({ length: 130 }, (_, i) => `u${i}@there.test`);
    const outcomes = await deliver(relay(s.port), job(to));
    expect(Object.values(outcomes).every(({ result }) => result === 'delivered')).toBe(true);
    expect(s.received.flatMap((one) => one.rcpt)).toHaveLength(130);
  });

  it('opens a new session when a kept one has gone', async () => {
    const s = await sink();
    const r = relay(s.port);
    await deliver(r, job(['bob@there.test']));
    s.script = { on: (verb, _, session) => (session === 1 && verb === 'MAIL' ? 'reset' : undefined) };
    expect(await deliver(r, job(['bob@there.test']))).toMatchObject({ 'bob@there.test': { result: 'delivered' } });
    expect(s.sessions).toBe(2);
  });

  it('sends messages of any length, from memory and from the file', async () => {
    for (const octets of [60, 65, 130, 255, 257, 1_000].map((kilobytes) => kilobytes << 10)) {
      const s = await sink();
      const text = `Subject: ${octets}\n\n${'x'.repeat(69)}\n`.padEnd(octets, `${'y'.repeat(70)}\n`);
      const outcomes = await deliver(relay(s.port), job(['bob@there.test'], { text }));
      expect(outcomes['bob@there.test'], `${octets} octets`).toMatchObject({ result: 'delivered' });
      expect(s.received[0]?.text.trimEnd()).toBe(text.trimEnd());
    }
  });

  it('sends a long message in pieces', async () => {
    const s = await sink();
    const text = `Subject: long\n\n${'0123456789abcdef0123456789abcdef0123456789\n.x\n'.repeat(60_000)}`;
    await deliver(relay(s.port), job(['bob@there.test'], { text }));
    expect(s.received[0]?.text).toBe(text);
  });

  it('passes DSN parameters on, and says when it could not', async () => {
    const s = await sink();
    const mail = {
      envelope: { ret: 'hdrs' as const, envid: 'a+b' },
      recipient: { notify: ['success', 'failure'] as const, orcpt: 'rfc822;Bob@there.test' },
    };
    const first = await deliver(relay(s.port), job(['bob@there.test'], mail));
    expect(s.received[0]).toMatchObject({
      mail: expect.stringContaining('RET=HDRS ENVID=a+2Bb'),
      rcpt: ['RCPT TO:<bob@there.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Bob@there.test'],
    });
    expect(first['bob@there.test']?.dsnPassedOn).toBe(true);
    s.script = { extensions: [] };
    const second = await deliver(relay(s.port), job(['bob@there.test'], mail));
    expect(s.received[1]?.rcpt).toEqual(['RCPT TO:<bob@there.test>']);
    expect(second['bob@there.test']?.dsnPassedOn).toBeUndefined();
  });

  it('keeps to 8BITMIME, SMTPUTF8 and SIZE', async () => {
    const s = await sink({ extensions: ['SIZE 1000'] });
    const r = relay(s.port);
    const eight = 'MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nпривет = здравствуй\n';
    expect(await deliver(r, job(['bob@there.test'], { text: eight, envelope: { body: '8bitmime' } }))).toMatchObject({
      'bob@there.test': { result: 'delivered' },
    });
    expect(s.received[0]?.text).toContain('Content-Transfer-Encoding: quoted-printable\n');
    expect(s.received[0]?.text).toMatch(/^[\x00-\x7f]*$/);
    expect(s.received[0]?.text).toContain('=D0=BF=D1=80');
    expect(await deliver(r, job(['bob@there.test'], { text: `Subject: привет\n\n`, envelope: { smtputf8: true } }))).toMatchObject({
      'bob@there.test': { result: 'failed', reply: expect.stringMatching(/^550 5\.6\.7/) },
    });
    expect(await deliver(r, job(['bob@there.test'], { text: `\n${'x'.repeat(2000)}` }))).toMatchObject({
      'bob@there.test': { result: 'failed', reply: expect.stringMatching(/^552 5\.3\.4/) },
    });
    s.script = {};
    await deliver(r, job(['почта@there.test'], { text: `Subject: привет\n\n`, envelope: { smtputf8: true } }));
    await deliver(relay(s.port), job(['почта@there.test'], { text: `Subject: привет\n\n`, envelope: { smtputf8: true } }));
    expect(s.received.at(-1)).toMatchObject({
      mail: expect.stringContaining('BODY=8BITMIME SMTPUTF8'),
      rcpt: [expect.stringContaining('<почта@there.test>')],
    });
  });

  it('stops mail that has come round too often', async () => {
    const outcomes = await deliver(relay(1), job(['bob@there.test'], { text: `${'Received: x\n'.repeat(51)}\nx\n` }));
    expect(outcomes['bob@there.test']).toMatchObject({ result: 'failed', reply: '554 5.4.6 Too many hops' });
  });
});

describe('relay TLS', () => {
  const tls = () => ({ cert: pem, key: pem });
  it('uses TLS where it is offered, whatever the certificate', async () => {
    const s = await sink({ tls: tls() });
    await deliver(relay(s.port), job(['bob@there.test']));
    expect(s.received[0]?.secure).toBe(true);
  });

  it('goes on in the clear when opportunistic TLS fails', async () => {
    const s = await sink({ extensions: ['STARTTLS'], on: (verb) => (verb === 'STARTTLS' ? '220 go' : undefined) });
    expect(await deliver(relay(s.port), job(['bob@there.test']))).toMatchObject({ 'bob@there.test': { result: 'delivered' } });
    expect(s.received[0]?.secure).toBe(false);
  });

  it('refuses what came between STARTTLS and TLS', async () => {
    const s = await sink({ tls: tls(), on: (verb) => (verb === 'STARTTLS' ? '220 go\r\n250-injected' : undefined) });
    const r = relay(s.port, { tlsPolicy: { 'there.test': 'encrypt' } });
    expect(await deliver(r, job(['bob@there.test']))).toMatchObject({
      'bob@there.test': { result: 'deferred', reply: expect.stringContaining('between STARTTLS and TLS') },
    });
  });

  it('holds mail back that must be encrypted, or verified, and cannot be', async () => {
    const plain = await sink();
    const encrypt = relay(plain.port, { tlsPolicy: { 'there.test': 'encrypt' } });
    expect(await deliver(encrypt, job(['bob@there.test']))).toMatchObject({
      'bob@there.test': { result: 'deferred', reply: expect.stringContaining('4.7.4') },
    });
    const s = await sink({ tls: tls() });
    expect(await deliver(relay(s.port, { tlsPolicy: { '.test': 'verify' } }), job(['bob@there.test']))).toMatchObject({
      'bob@there.test': { result: 'deferred', reply: expect.stringContaining('not trusted') },
    });
    await deliver(relay(s.port, { tlsPolicy: { '*': 'verify' }, tlsCa: [pem] }), job(['bob@there.test']));
    expect(s.received).toHaveLength(1);
    expect(plain.received).toHaveLength(0);
  });

  it('talks TLS from the start on an smtps next hop', async () => {
    const s = await sink({ tls: tls(), implicitTls: true });
    await deliver(relay(9, { relayhost: `smtps:[127.0.0.1]:${s.port}` }), job(['bob@there.test']));
    expect(s.received[0]?.secure).toBe(true);
  });

  it('follows DANE where DNS is authenticated', async () => {
    const s = await sink({ tls: tls() });
    const { createHash } = await import('node:crypto');
    const spki = new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' });
    const name = `_${s.port}._tcp.mx.there.test TLSA`;
    dns.authenticated = true;
    dns.zone[name] = [{ usage: 3, selector: 1, matchingType: 1, certificate: createHash('sha256').update(spki).digest() }];
    expect(await deliver(relay(s.port), job(['bob@there.test']))).toMatchObject({ 'bob@there.test': { result: 'delivered' } });
    dns.zone[name] = [{ usage: 3, selector: 1, matchingType: 1, certificate: Buffer.alloc(32) }];
    expect(await deliver(relay(s.port), job(['bob@there.test']))).toMatchObject({
      'bob@there.test': { result: 'deferred', reply: expect.stringContaining('TLSA') },
    });
    dns.authenticated = false;
    expect(await deliver(relay(s.port), job(['bob@there.test']))).toMatchObject({ 'bob@there.test': { result: 'delivered' } });
    dns.authenticated = true;
    dns.zone[name] = 'SERVFAIL';
    expect(await deliver(relay(s.port), job(['bob@there.test']))).toMatchObject({
      'bob@there.test': { result: 'deferred', reply: expect.stringContaining('TLSA') },
    });
  });

  it('follows MTA-STS', async () => {
    const s = await sink({ tls: tls() });
    dns.zone['_mta-sts.there.test TXT'] = ['v=STSv1; id=1;'];
    let policy = 'version: STSv1\r\nmode: enforce\r\nmx: *.there.test\r\nmax_age: 86400\r\n';
    const sts = () =>
      new MtaSts({ dns: createDns({ servers: [dns] }), fetch: async () => policy, clock: systemClock, log: silentLog, file: null });
    expect(await deliver(relay(s.port, {}, { sts: sts() }), job(['bob@there.test']))).toMatchObject({
      'bob@there.test': { result: 'deferred', reply: expect.stringContaining('not trusted') },
    });
    expect(await deliver(relay(s.port, { tlsCa: [pem] }, { sts: sts() }), job(['bob@there.test']))).toMatchObject({
      'bob@there.test': { result: 'delivered' },
    });
    policy = policy.replace('*.there', 'mail.there');
    expect(await deliver(relay(s.port, { tlsCa: [pem] }, { sts: sts() }), job(['bob@there.test']))).toMatchObject({
      'bob@there.test': { result: 'deferred', reply: expect.stringContaining('MTA-STS') },
    });
    policy = policy.replace('enforce', 'testing');
    expect(await deliver(relay(s.port, {}, { sts: sts() }), job(['bob@there.test']))).toMatchObject({
      'bob@there.test': { result: 'delivered' },
    });
  });

  it('sets aside what the domain publishes for mail that says TLS-Required: No', async () => {
    const s = await sink();
    dns.authenticated = true;
    dns.zone['_mta-sts.there.test TXT'] = ['v=STSv1; id=1;'];
    dns.zone[`_${s.port}._tcp.mx.there.test TLSA`] = [{ usage: 3, selector: 1, matchingType: 1, certificate: Buffer.alloc(32) }];
    const policy = 'version: STSv1\r\nmode: enforce\r\nmx: other.test\r\nmax_age: 86400\r\n';
    const sts = new MtaSts({
      dns: createDns({ servers: [dns] }),
      fetch: async () => policy,
      clock: systemClock,
      log: silentLog,
      file: null,
    });
    const optional = { text: 'Subject: TLS is broken there\nTLS-Required: No\n\nx\n' };
    expect(await deliver(relay(s.port, {}, { sts }), job(['bob@there.test']))).toMatchObject({ 'bob@there.test': { result: 'deferred' } });
    expect(await deliver(relay(s.port, {}, { sts }), job(['bob@there.test'], optional))).toMatchObject({
      'bob@there.test': { result: 'delivered' },
    });
    // What is configured here is not the sender's to change, nor does the field undo REQUIRETLS.
    const configured = relay(s.port, { tlsPolicy: { 'there.test': 'encrypt' } });
    expect(await deliver(configured, job(['bob@there.test'], optional))).toMatchObject({ 'bob@there.test': { result: 'deferred' } });
    const both = job(['bob@there.test'], { ...optional, envelope: { requireTls: true } });
    expect(await deliver(relay(s.port, {}, { sts }), both)).toMatchObject({ 'bob@there.test': { result: 'deferred' } });
    s.script = { tls: tls() };
    await deliver(relay(s.port, {}, { sts }), job(['bob@there.test'], optional));
    expect(s.received.map(({ secure }) => secure)).toEqual([false, true]);
  });

  it('sends REQUIRETLS mail only where it is verified and passed on', async () => {
    const s = await sink({ tls: tls(), extensions: ['REQUIRETLS'] });
    const mail = { envelope: { requireTls: true } };
    const named = { transport: { 'there.test': '[mx.there.test]' } };
    expect(await deliver(relay(s.port, named), job(['bob@there.test'], mail))).toMatchObject({ 'bob@there.test': { result: 'deferred' } });
    await deliver(relay(s.port, { ...named, tlsCa: [pem] }), job(['bob@there.test'], mail));
    expect(s.received[0]?.mail).toContain('REQUIRETLS');
    s.script = { tls: tls() };
    expect(await deliver(relay(s.port, { ...named, tlsCa: [pem] }), job(['bob@there.test'], mail))).toMatchObject({
      'bob@there.test': { result: 'failed', reply: expect.stringContaining('5.7.30') },
    });
  });

  it('sends REQUIRETLS mail to no host that only plain DNS names', async () => {
    const s = await sink({ tls: tls(), extensions: ['REQUIRETLS'] });
    const mail = { envelope: { requireTls: true } };
    expect(await deliver(relay(s.port, { tlsCa: [pem] }), job(['bob@there.test'], mail))).toMatchObject({
      'bob@there.test': { result: 'deferred', reply: expect.stringContaining('4.7.30') },
    });
    expect(s.received).toHaveLength(0);
  });
});
