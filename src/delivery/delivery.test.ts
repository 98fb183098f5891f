import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type FakeDirectory, type FakeQueue, type FakeStore, fakeDirectory, fakeQueue, fakeStore } from '../../test/support/fake-mail.ts';
import { scratch } from '../../test/support/scratch.ts';
import { cpu } from '../../test/support/time.ts';
import { type LogFields, silentLog } from '../base/log.ts';
import { type Staged, stagedBytes } from '../base/staging.ts';
import { splitAddress } from '../mail/address.ts';
import type { Envelope } from '../mail/envelope.ts';
import type { QueueId } from '../queue/queue.ts';
import type { Job, JobOutcome } from '../queue/transport.ts';
import { createDelivery } from './accept.ts';
import type { Delivery, Hop } from './delivery.ts';
import { headerFacts } from './header.ts';
import { localTransport } from './local-transport.ts';

let directory: FakeDirectory;
let store: FakeStore;
let queue: FakeQueue;
let delivery: Delivery;
let logged: LogFields[];
const clock = { now: () => Date.UTC(2026, 0, 2, 3, 4, 5) };
const hop: Hop = { helo: 'c.example', remoteAddress: '192.0.2.1', remoteName: 'unknown', protocol: 'ESMTP', tls: null, login: null };

beforeEach(() => {
  directory = fakeDirectory();
  store = fakeStore();
  queue = fakeQueue();
  logged = [];
  const log = { ...silentLog, info: (fields: LogFields) => void logged.push(fields) };
  delivery = createDelivery({ directory, store, queue, clock, log, hostname: 'mail.example.com' });
});

function envelope(to: readonly string[], from = 'a@b.example'): Envelope {
  return {
    reversePath: from === '' ? null : splitAddress(from),
    forwardPaths: to.map((text) => ({ address: splitAddress(text)!, original: text })),
    body: '7bit',
    smtputf8: false,
    requireTls: false,
  };
}

async function accept(
  to: readonly string[],
  text = 'Subject: x\n\nhello\n',
  changes: Partial<Hop> = {},
  from = 'a@b.example',
): Promise<(string | null)[]> {
  const results = await delivery.accept('A1' as QueueId, envelope(to, from), stagedBytes(Buffer.from(text)), { ...hop, ...changes });
  return results.map(({ fault }) => fault);
}

const stored = (): string[] => store.messages.map(({ address }) => address).sort();
const queued = (): string[][] =>
  queue.mail.map(({ recipients }) => recipients.map((r) => `${r.transport} ${r.address.localPart}@${r.address.domain}`));

describe('delivery', () => {
  it('puts the trace first', async () => {
    expect(
      await accept(['User1+tag@example.com'], 'Subject: x\n\nhello\n', { tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384', protocol: 'ESMTPS' }),
    ).toEqual([null]);
    expect(store.messages[0]!.text).toBe(
      'Return-Path: <a@b.example>\nX-Original-To: User1+tag@example.com\nDelivered-To: user1@example.com\n' +
        'Received: from c.example (unknown [192.0.2.1])\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384)\n' +
        '\tby mail.example.com (postcote) with ESMTPS id A1\n\tfor <User1+tag@example.com>;\n\tFri, 2 Jan 2026 03:04:05 +0000\n' +
        'Subject: x\n\nhello\n',
    );
  });

  it('names no recipient to another', async () => {
    await accept(['user1@example.com', 'user2@example.com']);
    expect(stored()).toEqual(['user1@example.com', 'user2@example.com']);
    for (const { text, address } of store.messages) {
      expect(text).not.toMatch(/\tfor </);
      expect(text).not.toContain(address === 'user1@example.com' ? 'user2@' : 'user1@');
    }
  });

  it('shows the null path and a HELO that wants to break out', async () => {
    await accept(['user1@example.com'], '\n', { helo: 'x(y)\\z;\u0000' }, '');
    expect(store.messages[0]!.text).toMatch(/^Return-Path: <>\n/);
    expect(store.messages[0]!.text).toContain('Received: from x?y??z?? (unknown');
  });

  it('gives each account one copy, whatever leads there', async () => {
    directory.aliases.set('all@example.com', ['user1@example.com', 'user2@example.com']);
    expect(await accept(['user1@example.com', 'all@example.com', 'user1+x@example.com'])).toEqual([null, null, null]);
    expect(stored()).toEqual(['user1@example.com', 'user2@example.com']);
    expect(store.messages.find(({ address }) => address === 'user2@example.com')!.text).toContain('X-Original-To: all@example.com\n');
  });

  it('queues what goes elsewhere, once, and stores the rest', async () => {
    directory.aliases.set('all@example.com', ['user1@example.com', 'x@remote.example']);
    expect(await accept(['all@example.com', 'x@remote.example', 'y@remote.example'])).toEqual([null, null, null]);
    expect(stored()).toEqual(['user1@example.com']);
    expect(queued()).toEqual([['relay x@remote.example', 'relay y@remote.example']]);
    expect(queue.mail[0]!.id).toBe('A1');
    expect(queue.mail[0]!.text).toMatch(/^Received: .*\n\tby .*;\n\t.*\nSubject: x\n\nhello\n$/);
  });

  it('queues all, mailboxes of ours as well, of what is to be released later', async () => {
    const to = ['user1@example.com', 'x@remote.example'];
    const later = { ...envelope(to), releaseAt: clock.now() + 1 };
    const submit = (what: Envelope) => delivery.accept('A1' as QueueId, what, stagedBytes(Buffer.from('Subject: x\n\n')), hop);
    expect((await submit(later)).map(({ fault }) => fault)).toEqual([null, null]);
    expect(stored()).toEqual([]);
    expect(queued()).toEqual([['relay x@remote.example', 'local user1@example.com']]);
    // Nothing is kept of what is refused.
    expect(
      (await submit({ ...later, ...envelope(['nobody@example.com', 'user1@example.com']), releaseAt: later.releaseAt })).map(
        ({ fault }) => fault,
      ),
    ).toEqual(['noSuchUser', null]);
    expect(queued()).toHaveLength(1);
    await submit({ ...later, releaseAt: clock.now() });
    expect(stored()).toEqual(['user1@example.com']);
  });

  it('logs one line for each mailbox', async () => {
    await accept(['user1@example.com', 'x@remote.example'], 'Message-ID:\n <id@b.example>\n\n');
    expect(logged.map(({ queue_id, message_id, address, result }) => [queue_id, message_id, address, result])).toEqual([
      ['A1', '<id@b.example>', 'x@remote.example', 'queued'],
      ['A1', '<id@b.example>', 'user1@example.com', 'stored'],
    ]);
  });
});

describe('what cannot be stored', () => {
  it('is a fault when nothing was accepted', async () => {
    store.faults.set('user1@example.com', 'overQuota');
    store.faults.set('user2@example.com', 'storageFull');
    expect(await accept(['user1@example.com', 'user2@example.com', 'nobody@example.com'])).toEqual([
      'overQuota',
      'storageFull',
      'noSuchUser',
    ]);
    expect(queued()).toEqual([]);
  });

  it('is kept for later when something was', async () => {
    store.faults.set('user1@example.com', 'overQuota');
    expect(await accept(['user1@example.com', 'user2@example.com', 'nobody@example.com'])).toEqual([null, null, null]);
    expect(stored()).toEqual(['user2@example.com']);
    expect(queued()).toEqual([['local user1@example.com', 'local nobody@example.com']]);
    // Without the fields of the mailbox: the local transport puts them.
    expect(queue.mail[0]!.text).toMatch(/^Received: /);
    expect(queue.mail[0]!.id).not.toBe('A1');
  });

  it('is a fault for its own recipient in LMTP', async () => {
    store.faults.set('user1@example.com', 'overQuota');
    expect(await accept(['user1@example.com', 'user2@example.com'], '\n', { replyPerRecipient: true })).toEqual(['overQuota', null]);
    expect(queued()).toEqual([]);
  });

  it('of an alias is kept for the account that is full, not for the other', async () => {
    directory.aliases.set('all@example.com', ['user1@example.com', 'user2@example.com']);
    store.faults.set('user1@example.com', 'unavailable');
    expect(await accept(['all@example.com'])).toEqual([null]);
    expect(queued()).toEqual([['local user1@example.com']]);
  });

  it('is never forgotten: no queue, no 250', async () => {
    store.faults.set('user1@example.com', 'overQuota');
    queue.fault = 'storageFull';
    expect(await accept(['user1@example.com', 'user2@example.com'])).toEqual(['storageFull', null]);
    await expect(accept(['x@remote.example', 'user2@example.com'])).rejects.toMatchObject({ kind: 'storageFull' });
    expect(stored()).toEqual(['user2@example.com']);
  });
});

describe('a loop', () => {
  it('is told by the number of hops', async () => {
    await expect(accept(['user1@example.com'], `${'Received: x\n'.repeat(51)}\n`)).rejects.toMatchObject({ kind: 'tooMany' });
    expect(await accept(['user1@example.com'], `${'Received: x\n'.repeat(50)}\nReceived: in the body\n`)).toEqual([null]);
  });

  it('is told by Delivered-To', async () => {
    expect(await accept(['user1@example.com', 'user2@example.com'], 'delivered-to:  User1@example.com \n\n')).toEqual([null, null]);
    expect(stored()).toEqual(['user2@example.com']);
    expect(queued()).toEqual([['local user1@example.com']]);
    expect(await accept(['user1@example.com'], 'Delivered-To: user1@example.com\n\n')).toEqual(['tooMany']);
  });
});

describe('a submission', () => {
  it('gets what it lacks', async () => {
    await accept(['user1@example.com'], 'Subject: x\n\n', { submission: true });
    expect(store.messages[0]!.text).toMatch(
      /\nFrom: a@b\.example\nDate: Fri, 2 Jan 2026 03:04:05 \+0000\nMessage-ID: <[^<> ]+@mail\.example\.com>\nSubject: x\n\n$/,
    );
  });

  it('keeps what it has', async () => {
    await accept(['user1@example.com'], 'from: x\ndate: y\nmessage-id: <z>\n\n', { submission: true });
    expect(store.messages[0]!.text).toMatch(/\+0000\nfrom: x\ndate: y\nmessage-id: <z>\n\n$/);
  });
});

describe('the header', () => {
  const facts = (chunks: readonly string[]) => headerFacts({ ...stagedBytes(Buffer.alloc(0)), chunks: chunks.map((c) => Buffer.from(c)) });

  it('is read over chunks, and no further than its end', async () => {
    expect(await facts(['Rece', 'ived: a\nDATE: b\n', '\n', 'Received: c\n'])).toMatchObject({
      received: 1,
      hasDate: true,
      hasFrom: false,
    });
    expect(await facts(['\nReceived: c\n'])).toMatchObject({ received: 0 });
    expect(await facts(['Received: a'])).toMatchObject({ received: 1 });
  });

  it('is read from a file, a long one too', async () => {
    const file = join(scratch('delivery'), 'message');
    const text = `${`X-Long: ${'y'.repeat(70)}\n`.repeat(2000)}Received: a\nFrom: b\n\nReceived: body\n`;
    writeFileSync(file, text);
    const message: Staged = { size: text.length, chunks: [], file, discard: async () => {} };
    expect(await headerFacts(message)).toMatchObject({ received: 1, hasFrom: true });
  });

  it('of 10 MB and a million lines costs little', async () => {
    const text = 'Received: x\n'.repeat(900_000);
    expect(await cpu(() => facts([text]))).toBeLessThan(1000);
  });
});

describe('the local transport', () => {
  async function deliver(to: readonly string[], text = 'Received: x\nSubject: x\n\n'): Promise<Map<string, JobOutcome>> {
    const file = join(scratch('delivery'), 'message');
    writeFileSync(file, text);
    const { forwardPaths, ...rest } = envelope(to);
    const job: Job = {
      job: 1,
      token: 1,
      id: 'B2' as QueueId,
      transport: 'local',
      destination: 'local',
      envelope: rest,
      sender: null,
      created: 0,
      attempts: 0,
      message: { file, size: text.length },
      recipients: forwardPaths.map((path, id) => ({ ...path, id })),
    };
    const outcomes = new Map<string, JobOutcome>();
    const transport = localTransport({ directory, store, queue, log: silentLog });
    await transport.deliver(job, ({ original }, outcome) => void outcomes.set(original, outcome), new AbortController().signal);
    return outcomes;
  }

  it('tells each recipient apart', async () => {
    store.faults.set('user2@example.com', 'overQuota');
    const outcomes = await deliver(['user1@example.com', 'user2@example.com', 'nobody@example.com']);
    expect([...outcomes].map(([original, { result, reply }]) => [original, result, reply])).toEqual([
      ['user1@example.com', 'delivered', '250 2.0.0 delivered to mailbox'],
      ['user2@example.com', 'deferred', '452 4.2.2 <user2@example.com>: Mailbox full'],
      ['nobody@example.com', 'failed', '550 5.1.1 <nobody@example.com>: User unknown in virtual mailbox table'],
    ]);
    expect(store.messages[0]!.text).toBe(
      'Return-Path: <a@b.example>\nX-Original-To: user1@example.com\nDelivered-To: user1@example.com\nReceived: x\nSubject: x\n\n',
    );
  });

  it('stores once though it is run twice', async () => {
    await deliver(['user1@example.com']);
    await deliver(['user1@example.com']);
    expect(stored()).toEqual(['user1@example.com']);
  });

  it('sends on what an alias leads elsewhere with', async () => {
    directory.aliases.set('out@example.com', ['x@remote.example', 'user1@example.com']);
    expect((await deliver(['out@example.com'])).get('out@example.com')!.result).toBe('delivered');
    expect(queued()).toEqual([['relay x@remote.example']]);
    expect(stored()).toEqual(['user1@example.com']);
  });

  it('fails a loop', async () => {
    const outcomes = await deliver(['user1@example.com'], 'Delivered-To: user1@example.com\n\n');
    expect(outcomes.get('user1@example.com')).toMatchObject({
      result: 'failed',
      reply: '554 5.4.6 <user1@example.com>: Mail forwarding loop',
    });
  });
});
