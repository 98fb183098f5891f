import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../base/log.ts';
import { splitAddress } from '../mail/address.ts';
import type { QueueId } from '../queue/queue.ts';
import type { Job, JobOutcome } from '../queue/transport.ts';
import { type ProgramTransportDeps, programTransport } from './program-transport.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-programs-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const message = 'Subject: x\n\nFrom here on\ntext\n';

async function deliver(
  program: string,
  { text = message, from = 'ann@there.test', ...deps }: Partial<ProgramTransportDeps> & { text?: string; from?: string | null } = {},
  signal = new AbortController().signal,
): Promise<JobOutcome | undefined> {
  const transport = programTransport({
    clock: { now: () => Date.UTC(2007, 1, 1, 1, 2, 3) },
    log: silentLog,
    holdersOf: async () => ['tickets'],
    userOf: async () => null,
    timeLimit: () => 5_000,
    ...deps,
  });
  const job: Job = {
    job: 1,
    token: 1,
    id: 'A1' as QueueId,
    transport: 'relay',
    destination: '',
    envelope: { reversePath: from === null ? null : splitAddress(from), body: '7bit', smtputf8: false, requireTls: false },
    sender: null,
    created: 0,
    attempts: 0,
    message: { bytes: Buffer.from(text), file: '', size: text.length },
    recipients: [{ id: 1, address: { localPart: program, domain: 'here.test' }, original: 'tickets+7@here.test' }],
  };
  let outcome: JobOutcome | undefined;
  await transport.deliver(job, (_, said) => (outcome = said), signal);
  return outcome;
}

describe('a command', () => {
  it('reads the message and learns who it is from and for, and nothing else of our environment', async () => {
    process.env.SECRET = 'x';
    expect(await deliver(`|cat > ${dir}/out; env > ${dir}/env`)).toMatchObject({ result: 'delivered' });
    expect(readFileSync(join(dir, 'out'), 'utf8')).toBe(
      `From ann@there.test Thu Feb  1 01:02:03 2007\nReturn-Path: <ann@there.test>\nX-Original-To: tickets+7@here.test\nDelivered-To: tickets+7@here.test\n${message}`,
    );
    const env = readFileSync(join(dir, 'env'), 'utf8');
    expect(env).toMatch(/^SENDER=ann@there\.test$/m);
    expect(env).toMatch(/^RECIPIENT=tickets\+7@here\.test$/m);
    expect(env).not.toContain('SECRET');
    delete process.env.SECRET;
  });

  it.each([
    ['exit 75', 'deferred', /^451 4\.3\.0/],
    ['echo no such ticket >&2; exit 1', 'failed', /^550 5\.3\.0 .*status 1: no such ticket$/],
    ['exit 67', 'failed', /^550 5\.1\.1/],
    ['kill -TERM $$', 'deferred', /^451 4\.3\.0 .*SIGTERM/],
    ['/no/such/command', 'failed', /^550 5\.3\.0 .*status 127/],
    ['true', 'delivered', /^250/],
  ])('%s is %s', async (command, result, reply) => {
    const outcome = await deliver(`|${command}`);
    expect(outcome).toMatchObject({ result });
    expect(outcome?.reply).toMatch(reply);
  });

  it('may say much, and need not read', async () => {
    const outcome = await deliver('|yes | head -c 1000000; exit 1', { text: `Subject: x\n\n${'x'.repeat(1 << 20)}` });
    expect(outcome?.result).toBe('failed');
    expect(outcome?.reply.length).toBeLessThan(1000);
  });

  it('ends in time, with all that it started', async () => {
    const outcome = await deliver(`|(sleep 1; touch ${dir}/late) & sleep 60`, { timeLimit: () => 200 });
    expect(outcome).toMatchObject({ result: 'deferred', reply: '451 4.3.0 Command did not end in 0.2 s' });
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(existsSync(join(dir, 'late'))).toBe(false);
  });

  it('that is cut off is not reported: it is tried again', async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 100);
    expect(await deliver('|sleep 60', {}, abort.signal)).toBeUndefined();
  });

  it('is not run where it is not allowed, by root, or in a loop', async () => {
    const command = `|touch ${dir}/ran`;
    expect((await deliver(command, { holdersOf: async () => [] }))?.reply).toMatch(/^550 5\.7\.1/);
    expect((await deliver(command, { userOf: async () => 'not as root' }))?.reply).toBe('550 5.3.5 not as root');
    expect((await deliver(command, { text: `Delivered-To: Tickets+7@here.test\n${message}` }))?.reply).toMatch(/^554 5\.4\.6/);
    expect(existsSync(join(dir, 'ran'))).toBe(false);
  });
});

describe('a file', () => {
  it('grows as an mbox', async () => {
    const file = join(dir, 'mbox');
    expect(await deliver(file, { from: null })).toMatchObject({ result: 'delivered' });
    expect(await deliver(file, { text: 'Subject: y\n\nno end' })).toMatchObject({ result: 'delivered' });
    const text = readFileSync(file, 'utf8');
    expect(text).toMatch(/^From MAILER-DAEMON Thu Feb {2}1 01:02:03 2007\nReturn-Path: <>\n/);
    expect(text).toContain('\n\n>From here on\ntext\n\nFrom ann@there.test ');
    expect(text.endsWith('no end\n\n')).toBe(true);
  });

  it('that cannot be written to is tried again', async () => {
    expect(await deliver(join(dir, 'no/such/folder'))).toMatchObject({ result: 'deferred' });
    expect((await deliver(dir))?.result).toBe('deferred');
    expect(await deliver('/dev/null')).toMatchObject({ result: 'delivered' });
  });
});

// Only root may become another user.
describe.skipIf(process.getuid?.() !== 0)('as another user', () => {
  const nobody = { name: 'nobody', uid: 65534, gid: 65534, home: '/nonexistent' };
  const asNobody = { userOf: async () => nobody };

  it('runs a command, with nothing of ours', async () => {
    chmodSync(dir, 0o777);
    expect(await deliver(`|(id; echo $HOME $USER; cat /proc/self/status) > ${dir}/out`, asNobody)).toMatchObject({ result: 'delivered' });
    const out = readFileSync(join(dir, 'out'), 'utf8');
    expect(out).toMatch(/^uid=65534\(\w+\) gid=65534\(\w+\)( groups=65534\(\w+\))?\n\/nonexistent nobody\n/);
    expect(out).toMatch(/^Groups:\s*$/m);
    expect(out).toMatch(/^CapEff:\s*0+$/m);
    expect(await deliver(`|touch ${dir}/../root-only-${process.pid} /root/x`, asNobody)).toMatchObject({ result: 'failed' });
    rmSync(join(dir, `../root-only-${process.pid}`), { force: true });
  });

  it('writes a file where that user may', async () => {
    const file = join(dir, 'mbox');
    chmodSync(dir, 0o755);
    expect(await deliver(file, asNobody)).toMatchObject({ result: 'deferred', reply: '451 4.2.0 The file cannot be written: EACCES' });
    chmodSync(dir, 0o777);
    expect(await deliver(file, asNobody)).toMatchObject({ result: 'delivered' });
    expect(statSync(file)).toMatchObject({ uid: 65534, gid: 65534 });
    expect(readFileSync(file, 'utf8')).toContain('Subject: x');
  });
});
