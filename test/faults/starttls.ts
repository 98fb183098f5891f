// What is said in the clear around STARTTLS counts for nothing under TLS: by clients to us, and by servers to our relay.
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { SmtpClient } from '../../src/relay/client.ts';
import { defaultRelaySettings } from '../../src/relay/settings.ts';
import { selfSigned } from '../support/certificate.ts';
import { startSink } from '../support/smtp-sink.ts';
import { type FaultServer, faultServer, type PortName } from './fault-server.ts';
import { Failed, type FaultTest, figures } from './fault-test.ts';

interface Protocol {
  readonly port: PortName;
  /** Said before, each answered. */
  readonly opening: readonly string[];
  readonly start: string;
  readonly agreed: RegExp;
  /** Commands in the packet of STARTTLS, and what an answer to any of them looks like. */
  readonly injected: string;
  readonly answered: RegExp;
  /** Said under TLS, and its answer: what comes of a session that knows nothing yet. */
  readonly probe: string;
  readonly fresh: RegExp;
}

const smtp = (port: PortName, hello: string): Protocol => ({
  port,
  opening: [`${hello} a.test\r\n`, ...(port === 'SUBMISSION' ? [] : ['MAIL FROM:<a@b.example>\r\n'])],
  start: 'STARTTLS\r\n',
  agreed: /^220 /m,
  injected: `${hello} evil.test\r\nEXPN x\r\nMAIL FROM:<evil@b.example>\r\nRCPT TO:<ann@example.com>\r\n`,
  answered: /^(?:250|502|530)/m,
  probe: 'RCPT TO:<ann@example.com>\r\n',
  fresh: /^503 5\.5\.1 Error: (?:need MAIL|send )/,
});

const protocols: readonly Protocol[] = [
  smtp('SMTP', 'EHLO'),
  smtp('SUBMISSION', 'EHLO'),
  smtp('LMTP', 'LHLO'),
  {
    port: 'IMAP',
    opening: ['a NOOP\r\n'],
    start: 'b STARTTLS\r\n',
    agreed: /^b OK/m,
    injected: 'x1 LOGIN ann@example.com secret\r\nx2 NOOP\r\n',
    answered: /^x\d /m,
    probe: 'c SELECT INBOX\r\n',
    fresh: /^c (?:BAD|NO) .*log in/,
  },
  {
    port: 'POP3',
    opening: ['USER ann@example.com\r\n'],
    start: 'STLS\r\n',
    agreed: /^\+OK/m,
    injected: 'USER ann@example.com\r\nPASS secret\r\nCAPA\r\n',
    answered: /SASL|Logged in/,
    probe: 'PASS secret\r\n',
    fresh: /^-ERR/,
  },
];

/** Reads until `enough`, the end, or a second of silence. */
function until(socket: Socket | TLSSocket, enough: RegExp): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const done = (): void => {
      clearTimeout(timer);
      socket.off('data', more);
      resolve(text);
    };
    const more = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      if (enough.test(text)) done();
    };
    const timer = setTimeout(done, 1000);
    socket.on('data', more);
    socket.once('close', done);
    socket.once('error', done);
  });
}

/** @returns what went wrong, or null */
async function asClient(server: FaultServer, protocol: Protocol, cut: number): Promise<string | null> {
  const { port, opening, start, agreed, injected, answered, probe, fresh } = protocol;
  const plain = connect({ port: server.ports[port], host: '127.0.0.1', noDelay: true });
  plain.on('error', () => {});
  try {
    await until(plain, /\n/);
    for (const line of opening) {
      plain.write(line);
      await until(plain, /^(?:\d{3} |a |[+-])[^\n]*\n/m);
    }
    const packet = `${start}${injected}`;
    const heard = until(plain, /\n/);
    plain.write(packet.slice(0, cut));
    if (cut < packet.length) {
      await sleep(2);
      plain.write(packet.slice(cut));
    }
    const reply = await heard;
    // What came too late to be dropped was taken for a handshake: the connection is gone, which is as good.
    if (reply === '' && plain.destroyed) return null;
    if (!agreed.test(reply)) return `not agreed: ${JSON.stringify(reply)}`;
    if (/\n./s.test(reply)) return `answered in the clear: ${JSON.stringify(reply)}`;
    const secure = connectTls({ socket: plain, rejectUnauthorized: false });
    secure.on('error', () => {});
    const ready = await new Promise<boolean>((resolve) => {
      secure.once('secureConnect', () => resolve(true));
      secure.once('close', () => resolve(false));
      secure.once('error', () => resolve(false));
    });
    if (!ready) return null;
    secure.write(probe);
    const text = await until(secure, /\n/);
    return answered.test(text) || !fresh.test(text) ? `under TLS: ${JSON.stringify(text)}` : null;
  } finally {
    plain.destroy();
  }
}

/** Replies of a server with something behind its 220. */
const early = [
  '220 go\r\n250 2.1.0 Ok',
  '220 go\r\n250-evil',
  '220-go\r\n220 go\r\n250 a\r\n250 b\r\n250 c',
  '220 go\r\n2',
  '220 go\r\n\0',
  '220 go\r\n\r\n',
];

/** @returns what went wrong, or null */
async function asRelay(tls: { cert: string; key: string }, reply: string): Promise<string | null> {
  const sink = await startSink({ tls, on: (verb) => (verb === 'STARTTLS' ? reply : undefined) });
  const { timeouts } = defaultRelaySettings;
  const client = await SmtpClient.connect({
    host: 'sink.test',
    address: '127.0.0.1',
    port: sink.port,
    protocol: 'smtp',
    helo: 'us.test',
    timeouts,
  });
  try {
    await client.read(1000, 'receiving the greeting');
    await client.hello();
    await client.command('STARTTLS');
    await client.startTls({});
    return `${JSON.stringify(reply)}: went on`;
  } catch {
    const after = sink.lines.slice(sink.lines.indexOf('STARTTLS') + 1);
    return client.broken && after.length === 0 ? null : `${JSON.stringify(reply)}: ${after.join()}`;
  } finally {
    client.destroy();
    await sink.close();
  }
}

async function startTls(long: boolean): Promise<string> {
  const server = await faultServer({ accounts: ['ann@example.com'], workers: 1, env: { POSTCOTE_AUTH__ALLOW_CLEARTEXT: 'false' } });
  const wrong: string[] = [];
  let dialogues = 0;
  try {
    for (const protocol of protocols) {
      const { start, injected } = protocol;
      const whole = start.length + injected.length;
      const cuts = long ? Array.from({ length: whole }, (_, i) => i + 1) : [1, start.length - 1, start.length, start.length + 3, whole];
      const answers = await Promise.all(cuts.map((cut) => asClient(server, protocol, cut)));
      dialogues += cuts.length;
      for (const [i, answer] of answers.entries()) if (answer !== null) wrong.push(`${protocol.port} cut at ${cuts[i]}: ${answer}`);
    }
    const pem = selfSigned('sink.test');
    for (const reply of early) {
      dialogues++;
      const answer = await asRelay({ cert: pem, key: pem }, reply);
      if (answer !== null) wrong.push(`relay: ${answer}`);
    }
    if (wrong.length > 0) throw new Failed(`${wrong.length} of ${dialogues} wrong: ${wrong.slice(0, 5).join(' | ')}`);
    return figures({ protocols: protocols.length, dialogues, repliesInjected: early.length, wrong: 0, errors: server.errors().length }, [
      'errors',
    ]);
  } finally {
    await server.close();
  }
}

export const startTlsTests: readonly FaultTest[] = [{ name: 'starttls', run: ({ long }) => startTls(long) }];
