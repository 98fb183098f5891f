import { expect, it } from 'vitest';
import type { NoticesDue } from './engine.ts';
import { noticeWriter } from './notice.ts';
import type { QueueId } from './queue.ts';
import { defaultQueueSettings } from './settings.ts';

const write = noticeWriter({
  hostname: 'here.test',
  language: 'en',
  clock: { now: () => 1_000_000 },
  settings: { ...defaultQueueSettings, dir: '/nowhere' },
  nextId: () => 'B2' as QueueId,
  transportOf: async () => 'relay',
});

const due = (message: object, recipient: object): NoticesDue =>
  ({
    message: {
      id: 'A1',
      created: 0,
      size: 20,
      reverse_local: 'ann',
      reverse_domain: 'there.test',
      body: '7bit',
      smtputf8: 0,
      require_tls: 0,
      ret: null,
      envid: null,
      sender: null,
      ...message,
    },
    recipients: [
      {
        id: 1,
        local_part: 'bob',
        domain: 'here.test',
        original: 'bob@here.test',
        orcpt: null,
        notify: null,
        state: 'failed',
        reply: '550 5.3.0 no',
        relay: null,
        notice: 'failed',
        ...recipient,
      },
    ],
    text: Buffer.from('Subject: x\n\nhello\n'),
  }) as unknown as NoticesDue;

// RFC 8689 5
it.each([0, 1])('a DSN demands TLS as its message did (%i)', async (flag) => {
  expect((await write(due({ require_tls: flag }, {})))?.envelope).toMatchObject({ reversePath: null, requireTls: flag === 1 });
});

it('names the address that a command stood for, not the command', async () => {
  const mail = await write(due({}, { local_part: '|secret', original: 'tickets@here.test' }));
  const text = Buffer.concat(mail!.message.chunks.map((chunk) => Buffer.from(chunk))).toString('latin1');
  expect(text).toMatch(/Final-Recipient: rfc822; ?tickets@here\.test/);
  expect(text).not.toContain('secret');
});
