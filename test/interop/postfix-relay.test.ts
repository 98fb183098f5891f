import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postfixInstalled, startPostfix } from '../../bench/servers/postfix.ts';
import type { BenchServer } from '../../bench/servers/server.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { splitAddress } from '../../src/mail/address.ts';
import type { Envelope } from '../../src/mail/envelope.ts';
import { createDns } from '../../src/net/dns-resolver.ts';
import type { QueueId } from '../../src/queue/queue.ts';
import type { JobOutcome, QueuedRecipient } from '../../src/queue/transport.ts';
import { defaultRelaySettings } from '../../src/relay/settings.ts';
import { type RelayTransport, relayTransport } from '../../src/relay/transport.ts';
import { selfSigned } from '../support/certificate.ts';

const can = postfixInstalled() && process.getuid?.() === 0;

/** Our relay hands mail to Debian's Postfix. Needs root and the package; skipped elsewhere. */
describe.skipIf(!can)('relay to Postfix', () => {
  let root: string;
  let peer: BenchServer;
  let relay: RelayTransport;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'postcote-postfix-'));
    const pem = join(root, 'pair.pem');
    writeFileSync(pem, selfSigned('mail.bench.test'));
    peer = await startPostfix(root, 200, null, { cert: pem, key: pem });
    const hop = `[127.0.0.1]:${peer.ports.smtp}`;
    relay = relayTransport(
      { ...defaultRelaySettings, hostname: 'here.test', relayhost: hop, tlsPolicy: { [hop]: 'encrypt' } },
      { clock: systemClock, log: silentLog, dns: createDns(), sts: null },
    );
  }, 60_000);
  afterAll(async () => {
    await relay?.close();
    await peer?.stop();
    if (root !== undefined) rmSync(root, { recursive: true, force: true });
  });

  let n = 0;
  async function deliver(
    to: readonly string[],
    text: string | Buffer,
    envelope: Partial<Envelope> = {},
    recipient: Partial<QueuedRecipient> = {},
  ): Promise<Record<string, JobOutcome>> {
    const file = join(root, `m${++n}`);
    writeFileSync(file, text);
    const outcomes: Record<string, JobOutcome> = {};
    await relay.deliver(
      {
        job: n,
        token: 1,
        id: `INTEROP${n}` as QueueId,
        transport: 'relay',
        destination: 'x',
        envelope: { reversePath: splitAddress('u0@bench.test'), body: '7bit', smtputf8: false, requireTls: false, ...envelope },
        sender: null,
        created: Date.now(),
        attempts: 0,
        message: { file, size: Buffer.byteLength(text) },
        recipients: to.map((address, i) => ({ id: i, address: splitAddress(address)!, original: address, ...recipient })),
      },
      (path, outcome) => {
        outcomes[path.original] = outcome;
      },
      new AbortController().signal,
    );
    return outcomes;
  }

  async function arrived(user: string, count: number): Promise<string[]> {
    const dir = join(peer.maildir(user), 'new');
    for (const until = Date.now() + 20_000; Date.now() < until; ) {
      if (existsSync(dir) && readdirSync(dir).length >= count) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return readdirSync(dir)
      .sort()
      .map((name) => readFileSync(join(dir, name), 'latin1'));
  }

  it('over TLS, whole, dots and all', async () => {
    const outcomes = await deliver(['u1@bench.test', 'nobody@bench.test'], 'Subject: one\n\n.\n..\nend\n');
    expect(outcomes['u1@bench.test']).toMatchObject({ result: 'delivered', reply: expect.stringMatching(/^250 2\.0\.0 Ok: queued as/) });
    expect(outcomes['nobody@bench.test']).toMatchObject({ result: 'failed', reply: expect.stringMatching(/^550 5\.1\.1/) });
    const [text] = await arrived('u1@bench.test', 1);
    expect(text).toContain('\n\n.\n..\nend\n');
    expect(text).toMatch(/with ESMTPS id/);
  }, 30_000);

  it('to a hundred recipients in one transaction', async () => {
    const to = Array.from({ length: 100 }, (_, i) => `u${i + 50}@bench.test`);
    const outcomes = await deliver(to, 'Subject: many\n\nx\n');
    expect(Object.values(outcomes).every(({ result }) => result === 'delivered')).toBe(true);
    expect(new Set(Object.values(outcomes).map(({ reply }) => reply)).size).toBe(1);
    expect(await arrived('u149@bench.test', 1)).toHaveLength(1);
  }, 30_000);

  it('with 25 MB', async () => {
    const body = `${'0123456789'.repeat(7)}\n`.repeat(370_000);
    await deliver(['u2@bench.test'], `Subject: long\n\n${body}`);
    const [text] = await arrived('u2@bench.test', 1);
    expect(text?.slice(text.indexOf('\n\n') + 2)).toBe(body);
  }, 60_000);

  it('in UTF-8', async () => {
    const text = 'Subject: привет\nFrom: u0@bench.test\n\nこんにちは\n';
    const outcomes = await deliver(['u3@bench.test'], text, { smtputf8: true, body: '8bitmime' });
    expect(outcomes['u3@bench.test']?.result).toBe('delivered');
    expect(Buffer.from((await arrived('u3@bench.test', 1))[0]!, 'latin1').toString()).toContain('Subject: привет');
  }, 30_000);

  it('with NOTIFY=SUCCESS, which it answers', async () => {
    const outcomes = await deliver(
      ['u4@bench.test'],
      'Subject: dsn\n\nx\n',
      { envid: 'my id+1', ret: 'hdrs' },
      { notify: ['success'], orcpt: 'rfc822;U4@bench.test' },
    );
    expect(outcomes['u4@bench.test']?.dsnPassedOn).toBe(true);
    const [report] = await arrived('u0@bench.test', 1);
    expect(report).toMatch(/Original-Envelope-Id: my\+20id\+2B1|Original-Envelope-Id: my id\+1/);
    expect(report).toContain('Original-Recipient: rfc822;U4@bench.test');
  }, 30_000);
});
