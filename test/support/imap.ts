import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import type { Authenticator } from '../../src/auth/authenticator.ts';
import { systemClock } from '../../src/base/clock.ts';
import { type Log, silentLog } from '../../src/base/log.ts';
import type { Account } from '../../src/directory/directory.ts';
import { imapService } from '../../src/imap/service.ts';
import { type ImapSettings, imapDefaults } from '../../src/imap/settings.ts';
import { Fault } from '../../src/mail/fault.ts';
import type { AccountId } from '../../src/mail/numbers.ts';
import type { CommandWatch } from '../../src/net/command-watch.ts';
import { Connection } from '../../src/net/connection.ts';
import type { TlsContexts } from '../../src/net/tls.ts';
import type { MailStore } from '../../src/store/store.ts';
import { memoryStore } from './memory-store.ts';

export interface ImapServer {
  readonly port: number;
  /** Faults nobody expected; must stay empty. */
  readonly bugs: unknown[];
  /** A client that has read its greeting; logged in as `name` where one is given. */
  client(name?: string): Promise<ImapClient>;
  close(): Promise<void>;
}

/** The IMAP room on a real socket: any name logs in with the password `secret`. */
export async function imapServer(
  options: {
    readonly store?: MailStore;
    readonly settings?: Partial<ImapSettings>;
    readonly quota?: number;
    readonly tls?: TlsContexts;
    readonly home?: string;
    readonly plaintext?: boolean;
    readonly watch?: CommandWatch;
    readonly log?: Log;
  } = {},
): Promise<ImapServer> {
  const bugs: unknown[] = [];
  const accounts = new Map<string, Account>();
  const authenticator: Authenticator = {
    mechanisms: ({ secure }) => (secure || options.plaintext !== false ? ['PLAIN', 'LOGIN'] : []),
    allowsPlaintext: ({ secure }) => secure || options.plaintext !== false,
    start: (mechanism, context) => ({
      async step(response) {
        if (mechanism !== 'PLAIN') throw new Fault('unsupported', mechanism);
        if (response === null) return { challenge: Buffer.alloc(0) };
        const [, name, password] = response.toString('utf8').split('\0');
        return { account: await authenticator.login(name ?? '', password ?? '', context) };
      },
    }),
    async login(name, password) {
      if (password !== 'secret') throw new Fault('badCredentials', name);
      const address = name.includes('@') ? name : `${name}@example.com`;
      const found = accounts.get(address);
      if (found !== undefined) return found;
      const home = `${options.home ?? tmpdir()}/${address}`;
      const account = { id: (accounts.size + 1) as AccountId, address, password: '', enabled: true, home, quota: options.quota ?? 0 };
      accounts.set(address, account);
      return account;
    },
  };
  const service = imapService(
    { ...imapDefaults, hostname: 'mail.example.com', stagingDir: tmpdir(), ...options.settings },
    {
      store: options.store ?? memoryStore(),
      authenticator,
      log: options.log ?? silentLog,
      clock: systemClock,
      onBug: (error) => bugs.push(error),
      ...(options.watch === undefined ? {} : { watch: options.watch }),
    },
  );
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    void service.handle(new Connection(socket, { tls: options.tls ?? null, log: silentLog }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    port,
    bugs,
    async client(name) {
      const client = await ImapClient.connect(port);
      await client.line();
      if (name !== undefined) await client.ok(`LOGIN ${name} secret`);
      return client;
    },
    async close() {
      await service.close(1000);
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A client that says what it is told and reads whole responses; octets as latin1. */
export class ImapClient {
  readonly socket: Socket;
  #input = '';
  #ended = false;
  #wake: (() => void) | null = null;
  #tags = 0;

  static async connect(port: number): Promise<ImapClient> {
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new ImapClient(socket);
  }

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#input += text;
      this.#wake?.();
    });
    for (const event of ['end', 'close'])
      socket.on(event, () => {
        this.#ended = true;
        this.#wake?.();
      });
    socket.on('error', () => {});
  }

  send(octets: string): void {
    this.socket.write(octets, 'latin1');
  }

  /** One response with its literals, without the last CRLF; '' at the end. */
  async line(): Promise<string> {
    for (;;) {
      const end = responseEnd(this.#input);
      if (end >= 0) {
        const text = this.#input.slice(0, end);
        this.#input = this.#input.slice(end + 2);
        return text;
      }
      if (this.#ended) return '';
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Sends a command and reads up to its tagged response, which comes last. `{n}` literals go out when asked for. */
  async command(text: string): Promise<string[]> {
    const tag = `t${++this.#tags}`;
    const pieces = `${tag} ${text}`.split(/(?<=(?<!\+)\}\r\n)/);
    const lines: string[] = [];
    for (let i = 0; i < pieces.length; i++) {
      this.send(i === pieces.length - 1 ? `${pieces[i]}\r\n` : pieces[i]!);
      for (;;) {
        if (i < pieces.length - 1) {
          const line = await this.line();
          if (line.startsWith('+')) break;
          lines.push(line.replace(`${tag} `, ''));
          if (line.startsWith(`${tag} `) || line === '') return lines;
          continue;
        }
        const line = await this.line();
        lines.push(line.startsWith(`${tag} `) ? line.slice(tag.length + 1) : line);
        if (line.startsWith(`${tag} `) || line === '') return lines;
      }
    }
    return lines;
  }

  /** As `command`, but the answer must be OK. @returns the untagged responses, then the OK */
  async ok(text: string): Promise<string[]> {
    const lines = await this.command(text);
    if (!lines.at(-1)!.startsWith('OK')) throw new Error(`${text}: ${lines.join(' | ')}`);
    return lines;
  }

  append(mailbox: string, message: string, options = ''): Promise<string[]> {
    return this.ok(`APPEND ${mailbox} ${options}{${message.length}}\r\n${message}`);
  }

  close(): void {
    this.socket.destroy();
  }
}

function responseEnd(text: string): number {
  let at = 0;
  for (;;) {
    const end = text.indexOf('\r\n', at);
    if (end < 0) return -1;
    const literal = /\{(\d+)\}$/.exec(text.slice(Math.max(at, end - 20), end));
    if (literal === null) return end;
    at = end + 2 + Number(literal[1]);
    if (at > text.length) return -1;
  }
}
