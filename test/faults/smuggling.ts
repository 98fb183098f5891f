// One message is one message, whatever octets and pieces it comes in.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { createDelivery } from '../../src/delivery/accept.ts';
import type { RoleName } from '../../src/smtp/roles.ts';
import { smtpService } from '../../src/smtp/service.ts';
import { defaultSmtpSettings } from '../../src/smtp/settings.ts';
import { fakeAuthenticator, fakeDirectory, fakeQueue, fakeStore } from '../support/fake-mail.ts';
import { conversation } from '../support/fake-socket.ts';
import { Failed, type FaultTest, figures, seeded } from './fault-test.ts';

const ends = ['\r\n', '\n', '\r', '\r\r\n', '\n\r', '\n\n', '\r\n\0', '\0\r\n'];
const dots = ['.', '..', '.\0', '\0.', '. ', ' .', '...', '.\b'];

/** What some server may take for the end of a message, but for those that hold the one thing that is, with nothing wrong before it. */
const marks = ends
  .flatMap((before) => dots.flatMap((dot) => ends.map((after) => before + dot + after)))
  .filter((mark) => !/^\0?\r\n\.\r\n/.test(mark));

type Way = 'plain' | 'pipelined' | 'BDAT' | 'two BDATs';
const ways: readonly Way[] = ['plain', 'pipelined', 'BDAT', 'two BDATs'];
const roles: readonly RoleName[] = ['mta', 'msa', 'lmtp'];

const login = `AUTH PLAIN ${Buffer.from('\0user1@example.com\0secret1').toString('base64')}\r\n`;
const smuggled = 'MAIL FROM:<user1@example.com>\r\nRCPT TO:<user2@example.com>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n';

/** The dialogue, and where in it the mark is. */
function dialogue(role: RoleName, way: Way, mark: string): { readonly before: string; readonly message: string; readonly at: number } {
  const hello = role === 'lmtp' ? 'LHLO c\r\n' : `EHLO c\r\n${role === 'msa' ? login : ''}`;
  const opening = `${hello}MAIL FROM:<user1@example.com>\r\nRCPT TO:<user1@example.com>\r\n`;
  const text = 'Subject: x\r\n\r\nbody';
  const whole = `${text}${mark}${smuggled}`;
  const quit = 'QUIT\r\n';
  switch (way) {
    case 'plain':
      return { before: `${opening}DATA\r\n`, message: `${whole}${quit}`, at: text.length };
    case 'pipelined':
      return { before: '', message: `${opening}DATA\r\n${whole}${quit}`, at: opening.length + 6 + text.length };
    case 'BDAT': {
      const command = `BDAT ${whole.length} LAST\r\n`;
      return { before: opening, message: `${command}${whole}${quit}`, at: command.length + text.length };
    }
    case 'two BDATs': {
      // The mark lies across the border of the chunks.
      const cut = text.length + (mark.length >> 1);
      const [first, last] = [`BDAT ${cut}\r\n`, `BDAT ${whole.length - cut} LAST\r\n`];
      return {
        before: opening,
        message: `${first}${whole.slice(0, cut)}${last}${whole.slice(cut)}${quit}`,
        at: first.length + text.length,
      };
    }
  }
}

export async function smuggling(share: number): Promise<string> {
  const stagingDir = mkdtempSync(join(tmpdir(), 'postcote-smuggling-'));
  const random = seeded(7);
  const counts = { marks: marks.length, dialogues: 0, messages: 0, refused: 0, smuggled: 0, bareOut: 0 };
  const wrong: string[] = [];
  const directory = fakeDirectory();
  try {
    for (const role of roles) {
      for (const way of ways) {
        for (const mark of marks) {
          const { before, message, at } = dialogue(role, way, mark);
          // Every place from before the mark to after it, and the whole in one piece.
          const cuts = [0, ...Array.from({ length: mark.length + 5 }, (_, i) => at - 2 + i)].filter((cut) => cut < message.length);
          for (const cut of cuts) {
            if (random() >= share) continue;
            const store = fakeStore();
            const queue = fakeQueue();
            const hostname = 'mail.example.com';
            const service = smtpService({ ...defaultSmtpSettings, hostname, stagingDir, errorSleepTime: 0 }, {
              directory,
              store,
              queue,
              authenticator: fakeAuthenticator(directory),
              delivery: createDelivery({ directory, store, queue, clock: systemClock, log: silentLog, hostname }),
              dns: null,
              clock: systemClock,
              log: silentLog,
            } as Parameters<typeof smtpService>[1]);
            // What goes before is said and answered first; the rest comes in two pieces.
            const pieces = [...before.split(/(?<=\n)/), message.slice(0, cut), message.slice(cut)].filter((piece) => piece !== '');
            const heard = await conversation(
              pieces.map((piece) => Buffer.from(piece, 'latin1')),
              (connection) => service.handle(connection, role),
              silentLog,
            );
            counts.dialogues++;
            const messages = store.messages;
            const other = messages.filter(({ address }) => address !== 'user1@example.com').length + queue.mail.length;
            counts.messages += messages.length;
            if (messages.length === 0) counts.refused++;
            if (messages.some(({ text }) => /[\r\0]/.test(text))) counts.bareOut++;
            if (other > 0 || messages.length > 1) {
              counts.smuggled++;
              wrong.push(`${role} ${way} ${JSON.stringify(mark)} at ${cut}: ${JSON.stringify(heard.slice(-300))}`);
            }
            if (messages.length === 0 && !/^[45]\d\d[ -]/m.test(heard))
              wrong.push(`${role} ${way} ${JSON.stringify(mark)} at ${cut}: neither taken nor refused`);
          }
        }
      }
    }
  } finally {
    rmSync(stagingDir, { recursive: true, force: true });
  }
  if (wrong.length > 0) throw new Failed(`${wrong.length} wrong: ${wrong.slice(0, 5).join(' | ')}`);
  return figures(counts, ['smuggled', 'bareOut']);
}

export const smugglingTests: readonly FaultTest[] = [{ name: 'smuggling', run: ({ long }) => smuggling(long ? 1 : 0.05) }];
