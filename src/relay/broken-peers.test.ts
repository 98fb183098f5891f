import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { expired, selfSigned } from '../../test/support/certificate.ts';
import { type Sink, type SinkScript, startSink } from '../../test/support/smtp-sink.ts';
import { type LogFields, silentLog } from '../base/log.ts';
import { stagedBytes } from '../base/staging.ts';
import { type Address, splitAddress } from '../mail/address.ts';
import { createDns } from '../net/dns-resolver.ts';
import { openQueueAdmin } from '../queue/admin.ts';
import { allQueued, describeQueued } from '../queue/listing.ts';
import { noticeWriter } from '../queue/notice.ts';
import { type OpenQueue, openQueue } from '../queue/open.ts';
import { type Runner, startRunner } from '../queue/runner.ts';
import { defaultQueueSettings } from '../queue/settings.ts';
import type { Transport } from '../queue/transport.ts';
import { SmtpClient } from './client.ts';
import { defaultRelaySettings, type RelaySettings, type RelayTimeouts } from './settings.ts';
import { type RelayTransport, relayTransport } from './transport.ts';

/** Peers that misbehave, from the queue's point of view: what waits, until when, what the sender hears, what arrives in the end. */
let dir: string;
let sink: Sink;
let now = 1_800_000_000_000;
let queue: OpenQueue;
let runner: Runner;
let relay: RelayTransport;
/** Notices, as their sender gets them. */
let told: string[];
let pem: string;
let old: string;
const clock = { now: () => now };

const mailbox: Transport = {
  destination: () => 'local',
  timeLimit: () => 60_000,
  async deliver(job, report) {
    told.push(Buffer.from(job.message.bytes ?? []).toString());
    for (const recipient of job.recipients) report(recipient, { result: 'delivered', reply: '250 2.0.0 Ok', relay: null });
  },
};
/** That of the test. */
const relaying: Transport = {
  destination: (address) => relay.destination(address),
  deliver: (job, report, signal) => relay.deliver(job, report, signal),
  timeLimit: (job) => relay.timeLimit(job),
};
let errors: [string, LogFields][];
const log = { ...silentLog, error: (fields: LogFields, text: string) => void errors.push([text, fields]) };

beforeAll(async () => {
  pem = selfSigned('localhost');
  old = await expired('127.0.0.1');
  dir = mkdtempSync(join(tmpdir(), 'postcote-broken-'));
  const settings = { ...defaultQueueSettings, dir };
  const destinationOf = (name: string, address: Address) => (name === 'local' ? 'local' : relay.destination(address));
  queue = openQueue(settings, { clock, log: silentLog, destinationOf });
  const nextId = () => queue.nextId();
  const notice = noticeWriter({ hostname: 'here.test', language: 'en', clock, settings, nextId, transportOf: async () => 'local' });
  runner = startRunner(queue, { clock, log, transports: { local: mailbox, relay: relaying }, random: () => 0, notice });
});
afterAll(async () => {
  await runner.close();
  await queue.close();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  sink = await startSink();
  told = [];
  errors = [];
});
afterEach(async () => {
  await relay.close();
  await sink.close();
  const admin = openQueueAdmin(dir)!;
  admin.engine.commit(() => {
    for (const { message } of allQueued(admin.engine)) admin.engine.remove(message.id);
  });
  admin.close();
});

/** @param ms a bound against hanging, where nothing is to time out */
const patience = (ms: number): RelayTimeouts => ({
  connect: ms,
  greeting: ms,
  command: ms,
  dataInitiation: ms,
  dataBlock: ms,
  dataDone: ms,
});

function start(settings: Partial<RelaySettings> = {}): void {
  relay = relayTransport(
    {
      ...defaultRelaySettings,
      hostname: 'here.test',
      transport: { '*': `[127.0.0.1]:${sink.port}` },
      timeouts: patience(20_000),
      ...settings,
    },
    { clock, log: silentLog, dns: createDns({ servers: [] }), sts: null },
  );
}

async function send(...to: string[]): Promise<void> {
  await runner.idle();
  await queue.enqueue({
    id: queue.nextId(),
    envelope: { reversePath: splitAddress('ann@here.test'), body: '7bit', smtputf8: false, requireTls: false },
    recipients: to.map((address) => ({ address: splitAddress(address)!, original: address, transport: 'relay' })),
    message: stagedBytes(Buffer.from(`Subject: hi\n\n${'text\n'.repeat(100)}`)),
    sender: null,
  });
  await runner.idle();
}

function listed() {
  const admin = openQueueAdmin(dir)!;
  const all = [...allQueued(admin.engine)].map(describeQueued);
  const blocked = admin.engine.stats().blocked.filter(({ name }) => name.endsWith(`:${sink.port}`));
  admin.close();
  return { recipients: all.flatMap(({ recipients }) => recipients), blocked };
}

/** All that waits is due now, and blocks are over. */
async function later(minutes: number): Promise<void> {
  now += minutes * 60_000;
  await runner.sweep();
  await runner.idle();
}

const at = (verb: string, reply: string | null, extra: SinkScript = {}): SinkScript => ({
  ...extra,
  on: (said) => (said === verb ? reply : undefined),
});
const noPipelining = { extensions: ['8BITMIME'] };
const tls = () => ({ tls: { cert: pem, key: pem } });

describe('a peer that misbehaves', () => {
  // Broken: the whole destination is left alone for a while. Not broken: only this mail waits.
  it.each<[string, SinkScript, RegExp, 'broken' | 'talks']>([
    ['421 at the greeting', { greeting: '421 4.3.2 Busy' }, /^421 4\.3\.2 Busy/, 'broken'],
    ['554 at the greeting', { greeting: '554 5.7.1 Go away' }, /^451 4\.7\.1 .*554 5\.7\.1 Go away/, 'broken'],
    ['a web server', { greeting: 'HTTP/1.1 400 Bad Request\r\n' }, /^451 4\.4\.2 .*no SMTP reply: HTTP/, 'broken'],
    ['an empty greeting', { greeting: '' }, /^451 4\.4\.2 .*no SMTP reply/, 'broken'],
    ['a banner that drips', { octetPause: 60 }, /^451 4\.4\.2 .*timed out while receiving the greeting/, 'broken'],
    ['a greeting without end', { greeting: `220-${'x\r\n220-'.repeat(600)}` }, /^451 4\.4\.2 .*a reply without end/, 'broken'],
    ['a line that is too long', at('EHLO', `250 ${'x'.repeat(5_000)}`), /^451 4\.4\.2 .*too long/, 'broken'],
    ['421 at EHLO', at('EHLO', '421 4.3.2 Busy'), /^421 4\.3\.2 Busy/, 'broken'],
    ['a reset at EHLO', at('EHLO', 'reset'), /^451 4\.4\.2 lost connection/, 'broken'],
    ['codes of two kinds in one reply', at('MAIL', '250-2.1.0 Ok\r\n999 what'), /^451 4\.4\.2 .*no SMTP reply/, 'talks'],
    ['421 at MAIL', at('MAIL', '421 4.7.0 Bye'), /^421 4\.7\.0 Bye/, 'talks'],
    ['421 at MAIL, unpipelined', at('MAIL', '421 4.7.0 Bye', noPipelining), /^421 4\.7\.0 Bye/, 'talks'],
    ['421 amid the pipeline', at('RCPT', '421 4.7.0 Bye'), /^421 4\.7\.0 Bye/, 'talks'],
    ['421 at DATA', at('DATA', '421 4.3.2 Shutting down'), /^421 4\.3\.2 Shutting down/, 'talks'],
    ['451 at RCPT', at('RCPT', '451 4.7.1 Greylisted'), /^451 4\.7\.1 Greylisted/, 'talks'],
    ['452 at DATA', at('DATA', '452 4.3.1 Full'), /^452 4\.3\.1 Full/, 'talks'],
    ['a reset amid the pipeline', at('RCPT', 'reset'), /^451 4\.4\.2 lost connection/, 'talks'],
    ['a reset amid the text', { resetInText: 50 }, /^451 4\.4\.2 lost connection/, 'talks'],
    ['451 after the text', at('TEXT', '451 4.7.1 Try later'), /^451 4\.7\.1 Try later/, 'talks'],
    ['silence at MAIL', at('MAIL', null), /^451 4\.4\.2 .*timed out while sending MAIL/, 'talks'],
    ['silence at DATA', at('DATA', null), /^451 4\.4\.2 .*timed out while sending DATA/, 'talks'],
  ])('%s: the mail waits and arrives once, unheard of', async (_, script, reply, kind) => {
    sink.script = script;
    start(reply.source.includes('timed out') ? { timeouts: patience(400) } : {});
    await send('bob@there.test');
    const { recipients, blocked } = listed();
    expect(recipients).toMatchObject([
      { address: 'bob@there.test', state: 'waiting', attempts: 1, next_attempt: new Date(now + 15 * 60_000).toISOString() },
    ]);
    expect(recipients[0]?.reply).toMatch(reply);
    expect(blocked.map(({ blocked_until, failures }) => ({ blocked_until, failures }))).toEqual(
      kind === 'broken' ? [{ blocked_until: now + 60_000, failures: 1 }] : [],
    );
    await later(10);
    expect(listed().recipients[0]?.attempts).toBe(1);
    sink.script = {};
    await relay.close();
    start();
    await later(6);
    expect(listed().recipients).toEqual([]);
    expect(sink.received).toHaveLength(1);
    expect(told).toEqual([]);
  });

  it.each<[string, SinkScript, RegExp]>([
    ['MAIL', at('MAIL', '550 5.7.1 Not you'), /Status: 5\.7\.1\nRemote-MTA: dns; 127\.0\.0\.1\nDiagnostic-Code: smtp; 550 5\.7\.1 Not you/],
    ['RCPT', at('RCPT', '550 5.1.1 No such user'), /Status: 5\.1\.1\n.*\nDiagnostic-Code: smtp; 550 5\.1\.1 No such user/],
    ['RCPT without an enhanced code', at('RCPT', '550 nobody'), /Status: 5\.0\.0\n.*\nDiagnostic-Code: smtp; 550 nobody/],
    ['DATA', at('DATA', '554 5.6.0 No'), /Status: 5\.6\.0/],
    ['the text', at('TEXT', '550 5.7.1 Spam'), /Status: 5\.7\.1/],
    [
      'RCPT in lines',
      at('RCPT', '550-5.2.1 Gone\r\n550-5.2.1\r\n550 5.2.1 for good'),
      /Diagnostic-Code: smtp; 550 5\.2\.1 Gone 5\.2\.1 5\.2\.1 for good/,
    ],
  ])('5xx to %s: the sender hears of it once, in its words', async (_, script, wanted) => {
    sink.script = script;
    start();
    await send('bob@there.test');
    await later(1_000);
    expect(listed().recipients).toEqual([]);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/^To: ann@here\.test$/m);
    expect(told[0]).toMatch(wanted);
    expect(sink.received).toHaveLength(0);
  });

  it('a reset between the end of the text and the reply: again, not by another way at once', async () => {
    sink.script = at('TEXT', 'reset');
    start();
    await send('bob@there.test');
    expect(listed().recipients).toMatchObject([{ state: 'waiting', reply: expect.stringMatching(/end of data/) }]);
    expect(sink.sessions).toBe(1);
    sink.script = {};
    await later(16);
    expect(sink.received).toHaveLength(1);
  });

  it.each<[string, SinkScript]>([
    ['replies octet by octet', { octetPause: 0 }],
    ['a greeting of 8-bit octets', { greeting: '220 \xff\xfe\x80 ESMTP' }],
    ['a greeting in lines', { greeting: '220-one\r\n220-\r\n220 three' }],
    ['bare 250', at('MAIL', '250')],
    ['no EHLO', at('EHLO', '502 5.5.1 What?')],
    ['unknown keywords', { extensions: ['PIPELINING', 'X-\xff', '', 'SIZE', 'AUTH=LOGIN', '=', 'DSN FOO'] }],
  ])('%s: the mail goes out', async (_, script) => {
    sink.script = script;
    start();
    await send('bob@there.test');
    expect(sink.received).toHaveLength(1);
    expect(listed().recipients).toEqual([]);
  });

  it('keeps each recipient apart: one there, one later, one never', async () => {
    sink.script = {
      on: (verb, line) =>
        verb !== 'RCPT' ? undefined : line.includes('later') ? '450 4.2.0 Later' : line.includes('never') ? '550 5.1.1 Never' : undefined,
    };
    start();
    await send('bob@there.test', 'later@there.test', 'never@there.test');
    expect(listed().recipients.map(({ address, state }) => [address, state])).toEqual([
      ['bob@there.test', 'delivered'],
      ['later@there.test', 'waiting'],
      ['never@there.test', 'failed'],
    ]);
    expect(told).toHaveLength(1);
    expect(told[0]?.match(/^Final-Recipient: .*$/gm)).toEqual(['Final-Recipient: rfc822; never@there.test']);
    sink.script = {};
    await later(16);
    expect(sink.received.map(({ rcpt }) => rcpt.map((line) => /<(.*)>/.exec(line)?.[1]))).toEqual([
      ['bob@there.test'],
      ['later@there.test'],
    ]);
    expect(told).toHaveLength(1);
  });

  it('down for good: a warning after hours, a bounce after days, fewer and fewer attempts', async () => {
    sink.script = { greeting: '421 4.3.2 Busy' };
    start();
    await send('bob@there.test');
    for (let hour = 0; hour < 6; hour++) await later(60);
    expect(told.map((text) => /^Action: (\w+)$/m.exec(text)?.[1])).toEqual(['delayed']);
    for (let hour = 0; hour < 118; hour++) await later(60);
    expect(told.map((text) => /^Action: (\w+)$/m.exec(text)?.[1])).toEqual(['delayed', 'failed']);
    expect(told[1]).toMatch(/Status: 5\.4\.7\n(?:.*\n)?Diagnostic-Code: .*Given up after 5 days; last answer: 421 4\.3\.2 Busy/);
    expect(listed().recipients).toEqual([]);
    expect(sink.sessions).toBeGreaterThan(30);
    expect(sink.sessions).toBeLessThan(130);
  });
});

describe('a bug that lets a delivery wait for what never comes', () => {
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it.each([
    ['in sending the text', () => vi.spyOn(SmtpClient.prototype, 'write').mockReturnValue(new Promise(() => {}))],
    ['in greeting the peer', () => vi.spyOn(SmtpClient.prototype, 'hello').mockReturnValue(new Promise(() => {}))],
  ])('%s: the message waits, its connection is closed, the next one goes out', async (_, plant) => {
    start({ timeouts: patience(10_000) });
    await runner.idle();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const planted = plant();
    const sent = send('bob@there.test');
    await expect.poll(() => planted.mock.calls.length).toBe(1);
    // All that has a time limit ends within it, and this does not.
    vi.advanceTimersByTime(11 * 60_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(sink.open).toBe(1);
    expect(errors).toEqual([]);
    vi.restoreAllMocks();
    vi.advanceTimersByTime(60 * 60_000);
    vi.advanceTimersByTime(1_000);
    await sent;
    expect(errors).toMatchObject([['delivery hangs, given up until later', { transport: 'relay' }]]);
    expect(listed().recipients).toMatchObject([
      { address: 'bob@there.test', state: 'waiting', attempts: 1, reply: expect.stringMatching(/^451 4\.3\.0 .*no end after \d+ minutes/) },
    ]);
    await expect.poll(() => sink.open).toBe(0);
    vi.useRealTimers();
    await send('eve@there.test');
    expect(sink.received).toHaveLength(1);
    await later(16);
    expect(sink.received).toHaveLength(2);
    expect(listed().recipients).toEqual([]);
    expect(errors).toHaveLength(1);
  });
});

describe('STARTTLS that does not work', () => {
  const cases: [string, () => SinkScript, Partial<RelaySettings>?][] = [
    ['refused', () => at('STARTTLS', '454 4.7.0 TLS not available', tls())],
    ['refused for good', () => at('STARTTLS', '501 5.5.4 No', tls())],
    [
      'nothing in place of a handshake',
      () => ({ extensions: ['PIPELINING', 'STARTTLS'], on: (verb) => (verb === 'STARTTLS' ? '220 go' : undefined) }),
      { timeouts: patience(1000) },
    ],
    ['a reset', () => at('STARTTLS', 'reset', tls())],
    ['octets before the handshake', () => at('STARTTLS', '220 go\r\n250-injected', tls())],
  ];

  it.each(cases)('%s: where it is not asked for, the mail goes out in the clear', async (_, script, settings) => {
    sink.script = script();
    start(settings);
    await send('bob@there.test');
    expect(sink.received.map(({ secure }) => secure)).toEqual([false]);
    expect(listed().recipients).toEqual([]);
  });

  it.each(cases)('%s: where it is, the mail waits and never goes in the clear', async (_, script, settings) => {
    sink.script = script();
    start({ ...settings, tlsPolicy: { 'there.test': 'encrypt' } });
    await send('bob@there.test');
    expect(sink.received).toHaveLength(0);
    expect(listed().recipients).toMatchObject([{ state: 'waiting', attempts: 1 }]);
    sink.script = tls();
    await later(16);
    expect(sink.received.map(({ secure }) => secure)).toEqual([true]);
    expect(told).toEqual([]);
  });

  it('an expired certificate does where nothing is to be proved, and not where it is', async () => {
    sink.script = { tls: { cert: old, key: old } };
    start({ tlsPolicy: { 'proved.test': 'verify' }, tlsCa: [old] });
    await send('bob@there.test');
    await send('bob@proved.test');
    expect(sink.received.map(({ rcpt, secure }) => [rcpt.length, secure])).toEqual([[1, true]]);
    expect(listed().recipients).toMatchObject([
      { address: 'bob@proved.test', state: 'waiting', reply: expect.stringMatching(/^451 4\.7\.5 .*not trusted: CERT_HAS_EXPIRED/) },
    ]);
  });
});
