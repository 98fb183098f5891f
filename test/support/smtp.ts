import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { type Log, silentLog } from '../../src/base/log.ts';
import { createDelivery } from '../../src/delivery/accept.ts';
import { ConnectionLimits } from '../../src/net/connection-limits.ts';
import { type Listener, listen } from '../../src/net/listener.ts';
import type { TlsContexts } from '../../src/net/tls.ts';
import type { RoleName } from '../../src/smtp/roles.ts';
import { type SmtpService, smtpService } from '../../src/smtp/service.ts';
import { defaultSmtpSettings, type SmtpSettings } from '../../src/smtp/settings.ts';
import { type FakeDirectory, type FakeQueue, type FakeStore, fakeAuthenticator, fakeDirectory, fakeQueue, fakeStore } from './fake-mail.ts';

export interface SmtpWorld {
  readonly directory: FakeDirectory;
  readonly store: FakeStore;
  readonly queue: FakeQueue;
  readonly service: SmtpService;
  readonly port: number;
  readonly stagingDir: string;
  connect(): Promise<SmtpTalk>;
  close(): Promise<void>;
}

/** An SMTP service on a port of its own, with directory, store and queue in memory. */
export async function smtpWorld(
  role: RoleName,
  options: { settings?: Partial<SmtpSettings>; tls?: TlsContexts; implicit?: boolean; strictAuth?: boolean; log?: Log } = {},
): Promise<SmtpWorld> {
  const log = options.log ?? silentLog;
  const directory = fakeDirectory();
  const store = fakeStore();
  const queue = fakeQueue();
  const hostname = 'mail.example.com';
  const delivery = createDelivery({ directory, store, queue, clock: systemClock, log, hostname });
  const authenticator = fakeAuthenticator(directory, options.strictAuth ?? false);
  const stagingDir = mkdtempSync(join(tmpdir(), 'postcote-smtp-'));
  const settings: SmtpSettings = { ...defaultSmtpSettings, hostname, stagingDir, errorSleepTime: 0, ...options.settings };
  const service = smtpService(settings, { directory, authenticator, delivery, queue, dns: null, clock: systemClock, log });
  const listener: Listener = await listen(
    {
      name: role,
      host: '127.0.0.1',
      port: 0,
      tls: options.tls === undefined ? 'none' : options.implicit === true ? 'implicit' : 'starttls',
    },
    {
      tls: options.tls ?? null,
      limits: new ConnectionLimits({ total: 0, perAddress: 0 }),
      onConnection: (connection) => service.handle(connection, role),
      log,
    },
  );
  return {
    directory,
    store,
    queue,
    service,
    port: listener.port,
    stagingDir,
    connect: () => SmtpTalk.to(listener.port),
    async close() {
      await listener.close();
      await service.close(100);
      rmSync(stagingDir, { recursive: true, force: true });
    },
  };
}

/** A client by hand: writes octets, reads replies. */
export class SmtpTalk {
  readonly socket: Socket;
  #text = '';
  #closed = false;
  #wake: (() => void) | null = null;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1');
      this.#wake?.();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
      this.#wake?.();
    });
    socket.on('end', () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  static async to(port: number): Promise<SmtpTalk> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const talk = new SmtpTalk(socket);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return talk;
  }

  write(data: string | Uint8Array): void {
    this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data);
  }

  /** The next reply, lines joined by \n; 'closed' when the server has closed. */
  async reply(): Promise<string> {
    for (;;) {
      const found = /^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/.exec(this.#text);
      if (found !== null) {
        this.#text = this.#text.slice(found[0].length);
        return found[0].trimEnd().replaceAll('\r\n', '\n');
      }
      if (this.#closed) return 'closed';
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Sends a line and waits for its reply. */
  say(line: string): Promise<string> {
    this.write(`${line}\r\n`);
    return this.reply();
  }

  /** Everything until the server closes. */
  async rest(): Promise<string> {
    while (!this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#text;
  }

  close(): void {
    this.socket.destroy();
  }
}
