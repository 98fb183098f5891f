import { simpleParser } from 'mailparser';
import { describe, expect, it } from 'vitest';
import { type Dsn, formatDsn } from './dsn.ts';
import { messageFacts } from './mime/facts.ts';

const dsn: Dsn = {
  kind: 'failure',
  language: 'en',
  hostname: 'mail.example.com',
  to: 'user1@example.com',
  envid: 'QQ314159',
  arrival: 0,
  now: 60_000,
  queueId: 'ABC123',
  recipients: [
    {
      final: 'x@example.net',
      original: 'rfc822;y@example.net',
      status: '5.1.1',
      diagnostic: '550 5.1.1 <x@example.net>: No such user\r\nInjected: 1',
      remoteMta: 'mx.example.net',
      lastAttempt: 1000,
    },
    { final: 'z@example.net', status: 'nonsense', diagnostic: 'mail loops back to this host' },
  ],
  returns: 'headers',
  eightBit: false,
};
const original = 'From: user1@example.com\nSubject: hello\n\n';
const whole = (notice: Dsn, attached = original): Buffer => {
  const { head, tail } = formatDsn(notice);
  return Buffer.concat([head, Buffer.from(attached), tail]);
};

describe('delivery status notification', () => {
  it.each(['en', 'ja', 'ru'] as const)('is well formed in %s', async (language) => {
    for (const kind of ['failure', 'delay', 'success', 'relayed', 'expanded'] as const) {
      const bytes = whole({ ...dsn, language, kind });
      const { root, bodyStructure } = messageFacts(bytes);
      expect(root.parts?.map(({ type, subtype }) => `${type}/${subtype}`)).toEqual([
        'text/plain',
        'message/delivery-status',
        'text/rfc822-headers',
      ]);
      expect(bodyStructure).toContain('"report-type" "delivery-status"');
      const { subject, text } = await simpleParser(bytes);
      expect(subject).not.toMatch(/=\?|undefined/);
      expect(text).toContain('<x@example.net>');
      expect(text).not.toMatch(/\{(?:host|until)\}/);
    }
  });

  it('says it for machines, each field on its line', () => {
    const bytes = whole(dsn);
    const status = messageFacts(bytes).root.parts![1]!;
    expect(bytes.toString('utf8', status.start, status.end)).toBe(`Reporting-MTA: dns; mail.example.com
Original-Envelope-Id: QQ314159
X-Postcote-Queue-ID: ABC123
X-Postcote-Sender: rfc822; user1@example.com
Arrival-Date: Thu, 1 Jan 1970 00:00:00 +0000

Original-Recipient: rfc822; y@example.net
Final-Recipient: rfc822; x@example.net
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.example.net
Diagnostic-Code: smtp; 550 5.1.1 <x@example.net>: No such user Injected: 1
Last-Attempt-Date: Thu, 1 Jan 1970 00:00:01 +0000

Final-Recipient: rfc822; z@example.net
Action: failed
Status: 5.0.0
Diagnostic-Code: X-Postcote; mail loops back to this host
`);
  });

  it('uses the international types where an address needs them, and attaches the whole', () => {
    const { root } = messageFacts(whole({ ...dsn, to: 'пётр@пример.рф', returns: 'full' }, `${original}body\n`));
    expect(root.parts?.map(({ subtype }) => subtype)).toEqual(['plain', 'global-delivery-status', 'global']);
    expect(root.parts?.[2]?.message?.envelope).toContain('"hello"');
  });
});
