// The machine's clock goes an hour back, then a year ahead: numbers go on growing, sessions stay, mail goes out once.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ImapClient } from '../support/imap.ts';
import { startSink } from '../support/smtp-sink.ts';
import { ImapUser, sendMail } from './clients.ts';
import { faultServer } from './fault-server.ts';
import { type FaultTest, figures } from './fault-test.ts';
import { messageText, wholeMessage } from './ledger.ts';
import { Shim } from './shim.ts';

const ann = 'ann@example.com';
const hour = 3600;
const year = 365 * 24 * hour;

interface Numbers {
  readonly uid: number;
  readonly modseq: number;
  readonly validity: number;
}

async function clock(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'postcote-shim-'));
  const shim = new Shim(dir);
  const sink = await startSink();
  const server = await faultServer({
    accounts: [ann],
    env: {
      ...shim.env,
      POSTCOTE_RELAY__RELAYHOST: `[127.0.0.1]:${sink.port}`,
      POSTCOTE_RELAY__MINIMAL_BACKOFF_TIME: '1s',
      POSTCOTE_RELAY__MAXIMAL_BACKOFF_TIME: '2s',
    },
  });
  const { SMTP, IMAP } = server.ports;
  const result = { sessionsLost: 0, notServed: 0, wentBack: 0, notTold: 0, lockedOutMs: 0, servedAfterMs: 0, retriedAfterMs: 0 };
  const sessions: ImapClient[] = [];
  const relayed = new Set<number>();
  let n = 0;
  let boxes = 0;
  let before: Numbers = { uid: 0, modseq: 0, validity: 0 };

  /** One of everything that draws a number. */
  const draw = async (): Promise<void> => {
    const user = new ImapUser(IMAP, ann);
    const text = messageText(n++);
    const uid = Number(/APPENDUID \d+ (\d+)/.exec(await user.last(`APPEND INBOX {${text.length}+}\r\n${text}`))?.[1] ?? 0);
    const stored = (await user.say(`UID STORE ${uid} (UNCHANGEDSINCE 999999999999999999) +FLAGS (\\Flagged)`)).join(' ');
    const modseq = Number(/MODSEQ \((\d+)\)/.exec(stored)?.[1] ?? 0);
    const box = `Box${boxes++}`;
    await user.last(`CREATE ${box}`);
    const validity = Number(/UIDVALIDITY (\d+)/.exec((await user.say(`STATUS ${box} (UIDVALIDITY)`)).join(' '))?.[1] ?? 0);
    user.close();
    const now = { uid, modseq, validity };
    for (const name of ['uid', 'modseq', 'validity'] as const) if (!(now[name] > before[name])) result.wentBack++;
    before = now;
  };
  const relay = async (): Promise<void> => {
    const number = n++;
    if ((await sendMail(SMTP, 'someone@elsewhere.test', messageText(number))).startsWith('250')) relayed.add(number);
    else result.notServed++;
  };
  const arrived = (): number => new Set(sink.received.map(({ text }) => wholeMessage(text))).size;

  try {
    await draw();
    for (let i = 0; i < 20; i++) {
      const client = await ImapClient.connect(IMAP);
      await client.line();
      await client.ok(`LOGIN ${ann} secret`);
      await client.ok('SELECT INBOX');
      sessions.push(client);
    }
    for (const offset of [-hour, 0, year, year - hour]) {
      // Failed logins first: what they are held back by is counted in time. And mail that waits for its next attempt.
      const stranger = await ImapClient.connect(IMAP);
      await stranger.line();
      for (let i = 0; i < 3; i++) await stranger.command(`LOGIN ${ann} wrong`);
      stranger.close();
      sink.script.on = (verb) => (verb === 'MAIL' ? '451 4.3.0 Later' : undefined);
      await relay();
      await sleep(300);
      sink.script.on = () => undefined;
      shim.setClock(offset);
      const jumped = performance.now();
      const told = sessions[0]!;
      told.send('idle IDLE\r\n');
      while (!(await told.line()).startsWith('+'));
      await draw();
      result.servedAfterMs = Math.max(result.servedAfterMs, Math.round(performance.now() - jumped));
      told.send('DONE\r\n');
      let lines = '';
      for (let line = ''; !line.startsWith('idle ') && !lines.endsWith('|'); ) {
        line = await told.line();
        lines += line === '' ? '|' : line;
      }
      if (!/EXISTS/.test(lines)) result.notTold++;
      const login = performance.now();
      const user = new ImapUser(IMAP, ann);
      while (!(await user.last('NOOP')).startsWith('OK') && performance.now() - login < 10_000) await sleep(50);
      user.close();
      result.lockedOutMs = Math.max(result.lockedOutMs, Math.round(performance.now() - login));
      if (!(await sendMail(SMTP, ann, messageText(n++))).startsWith('250')) result.notServed++;
      await relay();
      const retry = performance.now();
      while (arrived() < relayed.size && performance.now() - retry < 20_000) await sleep(50);
      result.retriedAfterMs = Math.max(result.retriedAfterMs, Math.round(performance.now() - retry));
      for (const client of sessions) if (!(await client.command('NOOP')).at(-1)!.startsWith('OK')) result.sessionsLost++;
    }
    const numbers = sink.received.map(({ text }) => wholeMessage(text));
    return figures(
      {
        jumps: 4,
        ...result,
        notRelayed: [...relayed].filter((number) => !numbers.includes(number)).length,
        relayedTwice: numbers.length - new Set(numbers).size,
        workersDied: server.logs().filter(({ msg }) => msg === 'worker died, replacing it').length,
        errors: server.errors().length,
      },
      ['sessionsLost', 'notServed', 'wentBack', 'notTold', 'notRelayed', 'relayedTwice', 'workersDied', 'errors'],
      { lockedOutMs: 3000, servedAfterMs: 3000, retriedAfterMs: 10_000 },
    );
  } catch (error) {
    (error as Error).message += ` ${server
      .errors()
      .slice(0, 3)
      .map((line) => JSON.stringify(line).slice(0, 500))
      .join('\n')}`;
    throw error;
  } finally {
    for (const client of sessions) client.close();
    shim.setClock(0);
    await server.close();
    await sink.close();
    shim.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

export const clockTests: readonly FaultTest[] = [{ name: 'clock-jumps', run: clock }];
