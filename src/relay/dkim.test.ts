import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stagedBytes } from '../base/staging.ts';
import { toCrlf } from '../mail/line-ends.ts';
import { DkimSigner, dkimRecord, keysOf, makeKey } from './dkim.ts';
import { recordsOf, zoneLine } from './dns-records.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-dkim-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const text =
  'From: Ann <ann@sub.example.com>\nTo: bob@there.test\nSubject: hi\nDate: Sun, 22 Nov 2026 03:00:00 +0000\nMessage-ID: <1@x>\n\n.dot\nend';

describe('dkim', () => {
  it('signs with every key so that others verify it', async () => {
    makeKey(dir, 'example.com', 'r1', 'rsa');
    makeKey(dir, 'example.com', 'e1', 'ed25519');
    const zone = new Map(keysOf(dir, 'example.com').map((key) => [`${key.selector}._domainkey.example.com`, dkimRecord(key)]));
    const prefix = Buffer.from('Received: here\n');
    const fields = await new DkimSigner(dir, Date.now).sign({ message: stagedBytes(Buffer.from(text)), prefix });
    expect(fields.match(/^DKIM-Signature:/gm)).toHaveLength(2);
    const message = toCrlf(Buffer.concat([Buffer.from(fields), prefix, Buffer.from(`${text}\n`)]));
    const { results } = await dkimVerify(message, { resolver: async (name: string) => [[zone.get(name) ?? '']] } as never);
    expect(results.map(({ status }) => status.result)).toEqual(['pass', 'pass']);
  });

  it('leaves mail of other domains alone', async () => {
    makeKey(dir, 'example.org', 'r1', 'ed25519');
    expect(await new DkimSigner(dir, Date.now).sign({ message: stagedBytes(Buffer.from(text)) })).toBe('');
    const two = text.replace('ann@sub.example.com>', 'a@example.org>, b@example.net');
    expect(await new DkimSigner(dir, Date.now).sign({ message: stagedBytes(Buffer.from(two)) })).toBe('');
  });

  it('never reads outside its folder', () => {
    expect(keysOf(dir, '../..')).toEqual([]);
    expect(keysOf(dir, '')).toEqual([]);
    expect(() => makeKey(dir, '../x', 'a', 'ed25519')).toThrow();
  });

  it('lists what to publish', () => {
    const key = makeKey(dir, 'example.com', 'r1', 'rsa');
    const ports = { submission: 587, submissions: 465, imap: 143, imaps: 993, pop3: null, pop3s: null, managesieve: 4190 };
    const lines = recordsOf('example.com', [key], { hostname: 'mail.example.com', ports, http: '127.0.0.1:8025' }).map(zoneLine);
    expect(lines).toContain('example.com. IN MX 10 mail.example.com.');
    expect(lines).toContain('_imaps._tcp.example.com. IN SRV 0 1 993 mail.example.com.');
    expect(lines).toContain('_pop3._tcp.example.com. IN SRV 0 0 0 .');
    expect(lines).toContain('_mta-sts.example.com. IN TXT "v=STSv1; id=1;"');
    const without = recordsOf('example.com', [key], { hostname: 'mail.example.com', ports, http: null });
    expect(without.filter(({ name }) => name.includes('mta-sts'))).toEqual([]);
    expect(lines.find((line) => line.startsWith('r1._domainkey'))).toMatch(/IN TXT "v=DKIM1; k=rsa; p=.{230,}" ".+"$/);
  });
});
