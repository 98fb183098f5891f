import { tmpdir } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fakeAuthenticator, fakeDirectory, fakeQueue, fakeStore } from '../../test/support/fake-mail.ts';
import { runs } from '../../test/support/runs.ts';
import { systemClock } from '../base/clock.ts';
import { type Log, silentLog } from '../base/log.ts';
import { createDelivery } from '../delivery/accept.ts';
import type { Connection } from '../net/connection.ts';
import type { RoleName } from './roles.ts';
import { smtpService } from './service.ts';
import { defaultSmtpSettings } from './settings.ts';

interface Outcome {
  readonly replies: string;
  readonly stored: readonly string[];
  readonly bugs: number;
}

/** A session fed with `chunks`, after which the client closes its side. */
async function session(role: RoleName, chunks: readonly Buffer[]): Promise<Outcome> {
  const errors: unknown[] = [];
  const log: Log = { ...silentLog, error: (fields) => void errors.push(fields) };
  const directory = fakeDirectory();
  const store = fakeStore();
  const queue = fakeQueue();
  const hostname = 'mail.example.com';
  const settings = {
    ...defaultSmtpSettings,
    hostname,
    stagingDir: tmpdir(),
    errorSleepTime: 0,
    hardErrorLimit: 1000,
    messageSizeLimit: 200,
    restrictions: { ...defaultSmtpSettings.restrictions, data: [] },
  };
  const delivery = createDelivery({ directory, store, queue, clock: { now: () => 0 }, log, hostname });
  const service = smtpService(settings, {
    directory,
    authenticator: fakeAuthenticator(directory),
    delivery,
    queue,
    dns: null,
    clock: systemClock,
    log,
  });
  let replies = '';
  const left = chunks.filter((chunk) => chunk.length > 0);
  const connection = {
    id: 'x',
    remoteAddress: '127.0.0.1',
    remotePort: 1,
    localAddress: '127.0.0.1',
    localPort: 2,
    secure: false,
    tls: null,
    canStartTls: false,
    buffered: 0,
    bytesRead: 0,
    bytesWritten: 0,
    // A copy: the scanner writes into what it gets.
    readChunk: async () => (left.length === 0 ? null : Buffer.from(left.shift()!)),
    write(text: string): void {
      replies += text;
    },
    drain: async () => {},
    end() {},
    destroy() {},
  };
  await service.handle(connection as unknown as Connection, role);
  return {
    replies,
    stored: store.messages.map(
      ({ address, text }) =>
        `${address} ${text.replace(/^(?:.*\n)*?.*\+0000\n/, '').replace(/^Message-ID: .*@mail\.example\.com>\n/m, '')}`,
    ),
    bugs: errors.length,
  };
}

const line = fc.constantFrom(
  'EHLO c',
  'HELO c',
  'LHLO c',
  'MAIL FROM:<a@b.example>',
  'MAIL FROM:<> SIZE=5 BODY=8BITMIME',
  'MAIL FROM: a@b.example SMTPUTF8',
  'RCPT TO:<user1@example.com>',
  'RCPT TO:<user2@example.com> NOTIFY=NEVER',
  'RCPT TO:<nobody@example.com>',
  'RCPT TO:<x@remote.example>',
  'RSET',
  'NOOP',
  'HELP',
  'VRFY x',
  'ETRN example.com',
  'STARTTLS',
  'XCLIENT ADDR=1.2.3.4',
  'AUTH PLAIN AHVzZXIxQGV4YW1wbGUuY29tAHNlY3JldDE=',
  'AUTH PLAIN',
  'AUTH LOGIN',
  '*',
  'dXNlcjFAZXhhbXBsZS5jb20=',
  '__proto__',
  'constructor',
  'MAIL FROM:<__proto__@constructor> toString=1',
  'RCPT TO:<constructor@__proto__>',
  'BDAT',
  'BDAT 99999999999999',
  `NOOP ${'x'.repeat(3000)}`,
);
const chunked = fc
  .tuple(fc.constantFrom('Subject: x\r\n\r\n', 'a\r\n.\r\n', '\r', '\n', '..', '\0', 'y'.repeat(150), ''), fc.boolean())
  .map(([text, last]) => `BDAT ${text.length}${last ? ' LAST' : ''}\r\n${text}`);
const whole = fc
  .constantFrom('Subject: x\r\n\r\nbody\r\n', '..\r\n', '', 'a\nb\r\n', '\0\r\n', `${'z'.repeat(300)}\r\n`)
  .map((text) => `EHLO c\r\nRSET\r\nMAIL FROM:<>\r\nRCPT TO:<user1@example.com>\r\nDATA\r\n${text}.\r\n`);
const garbage = fc.string({ unit: 'binary', maxLength: 20 }).map((text) => `${text}\r\n`);
const script = fc.array(fc.oneof({ weight: 6, arbitrary: line.map((text) => `${text}\r\n`) }, chunked, whole, garbage), { maxLength: 25 });
const role = fc.constantFrom<RoleName>('mta', 'msa', 'lmtp');

function cut(octets: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = [...new Set([...cuts.filter((at) => at < octets.length), octets.length])].sort((a, b) => a - b);
  return ends.map((end, i) => octets.subarray(i === 0 ? 0 : ends[i - 1], end));
}

describe('whatever a client sends', () => {
  it('is answered in order, without a bug, and the same for any segmentation', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(role, script, fc.array(fc.nat(1500), { maxLength: 12 }), async (name, parts, cuts) => {
        const octets = Buffer.concat(parts.map((part) => Buffer.from(part, 'utf8')));
        // One octet at a time is the other extreme: nothing ever comes early.
        const bySingle = await session(
          name,
          [...octets].map((octet) => Buffer.of(octet)),
        );
        expect(bySingle.bugs).toBe(0);
        for (const reply of bySingle.replies.split('\r\n').slice(0, -1)) expect(reply).toMatch(/^[2345]\d\d[ -][^\x00-\x1f\x7f]*$/);
        const inPieces = await session(name, cut(octets, cuts));
        expect(inPieces.bugs).toBe(0);
        // A line with LF alone is a person's where nothing is behind it yet, and nobody's else.
        const depends = / (?:need RCPT command|no valid recipients)| bare <LF> received/;
        if (!depends.test(bySingle.replies + inPieces.replies)) expect(inPieces).toEqual(bySingle);
      }),
      { numRuns: runs(400) },
    );
  });
});
