import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, connect as connectTls, type PeerCertificate, type TLSSocket } from 'node:tls';
import { Fault } from '../mail/fault.ts';
import { type RemoteReply, ReplyReader, replyText } from './reply.ts';
import type { RelayTimeouts } from './settings.ts';

export interface ClientOptions {
  /** Name of the next hop, for TLS and logs. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly localAddress?: string;
  readonly protocol: 'smtp' | 'lmtp';
  readonly helo: string;
  readonly timeouts: RelayTimeouts;
}

/** What TLS proved. To ask costs about as much as a resumed handshake. */
export interface TlsProof {
  /** Chain and name are good by the web's authorities; else why not. */
  readonly untrusted: string | null;
  /** With its chain. */
  readonly certificate: PeerCertificate;
  readonly resumed: boolean;
}

/** A session to resume, and what its server showed when it was made: it shows nothing anew. null: nobody asked then. */
export interface OldSession {
  readonly session: Buffer;
  readonly certificate: PeerCertificate | null;
}

/** The connection ended or broke, or the server does not speak SMTP. `sent`: the end of a message was out, so it may have arrived. */
export class Broken extends Error {
  sent = false;
}

/** One connection to a next hop. Commands are the caller's business; here are bytes, replies, time, TLS. */
export class SmtpClient {
  readonly options: ClientOptions;
  /** EHLO keywords, upper case, with their parameters. */
  extensions: ReadonlyMap<string, string> = new Map();
  tls: TlsProof | null = null;
  /** The server's newest ticket. */
  tlsSession: Buffer | null = null;
  /** TLS was begun with an old session; whether the server took it is in `tls`. */
  resuming = false;
  greeting = '';
  /** A transaction is open at the server. */
  needsReset = false;
  /** Messages sent. */
  messages = 0;
  readonly started = Date.now();
  #socket: Socket;
  #reader = new ReplyReader();
  readonly #replies: RemoteReply[] = [];
  #waiting: { resolve(reply: RemoteReply): void; reject(error: Error): void; timer: NodeJS.Timeout } | null = null;
  #broken: Error | null = null;
  #drain: (() => void) | null = null;

  private constructor(socket: Socket, options: ClientOptions) {
    this.#socket = socket;
    this.options = options;
    socket.setNoDelay(true);
    this.#attach(socket);
  }

  /** Connects and waits for nothing more. @throws Broken */
  static connect(options: ClientOptions, signal?: AbortSignal): Promise<SmtpClient> {
    if (signal?.aborted === true)
      return Promise.reject(new Broken(`connect to ${options.host}[${options.address}]:${options.port}: stopped`));
    return new Promise((resolve, reject) => {
      const { address, port, localAddress, timeouts } = options;
      const socket = connect({
        host: address,
        port,
        // A source address of the other family cannot be used.
        ...(localAddress !== undefined && isIP(localAddress) === isIP(address) && { localAddress }),
      });
      const fail = (what: string): void => {
        clearTimeout(timer);
        socket.destroy();
        reject(new Broken(`connect to ${options.host}[${address}]:${port}: ${what}`));
      };
      const timer = setTimeout(() => fail('Connection timed out'), timeouts.connect);
      const abort = (): void => fail('stopped');
      signal?.addEventListener('abort', abort, { once: true });
      socket.once('error', (error: NodeJS.ErrnoException) => fail(connectError(error)));
      socket.once('connect', () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        socket.removeAllListeners('error');
        resolve(new SmtpClient(socket, options));
      });
    });
  }

  #attach(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => {
      const replies = this.#reader.write(chunk);
      if (typeof replies === 'string') return this.#break(new Broken(`${this.name} sent ${replies}`));
      for (const reply of replies) this.#receive(reply);
    });
    socket.on('drain', () => {
      this.#drain?.();
      this.#drain = null;
    });
    socket.on('error', (error: NodeJS.ErrnoException) =>
      this.#break(new Broken(`lost connection with ${this.name}: ${connectError(error)}`)),
    );
    socket.on('close', () => this.#break(new Broken(`lost connection with ${this.name}`)));
  }

  get name(): string {
    return `${this.options.host}[${this.options.address}]`;
  }

  /** Nothing has gone wrong, and the server has said nothing unasked (which could only be goodbye). */
  get usable(): boolean {
    return this.#broken === null && this.#replies.length === 0 && this.#reader.partial === 0;
  }

  get broken(): boolean {
    return this.#broken !== null;
  }

  #receive(reply: RemoteReply): void {
    const waiting = this.#waiting;
    if (waiting === null) {
      this.#replies.push(reply);
      if (this.#replies.length > 2000) this.#break(new Broken(`${this.name} sends replies unasked`));
      return;
    }
    this.#waiting = null;
    clearTimeout(waiting.timer);
    waiting.resolve(reply);
  }

  #break(error: Error): void {
    if (this.#broken !== null) return;
    this.#broken = error;
    this.#socket.destroy();
    this.#drain?.();
    this.#drain = null;
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting !== null) {
      clearTimeout(waiting.timer);
      waiting.reject(error);
    }
  }

  /** The next reply. @throws Broken */
  read(timeout: number, doing: string): Promise<RemoteReply> {
    const reply = this.#replies.shift();
    if (reply !== undefined) return Promise.resolve(reply);
    if (this.#broken !== null) return Promise.reject(new Broken(`${this.#broken.message} while ${doing}`));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting = null;
        const error = new Broken(`conversation with ${this.name} timed out while ${doing}`);
        this.#break(error);
        reject(error);
      }, timeout);
      this.#waiting = { resolve, reject: (error) => reject(new Broken(`${error.message} while ${doing}`)), timer };
    });
  }

  /** Sends lines in one write; a line must not hold CR or LF. */
  send(...lines: readonly string[]): void {
    for (const line of lines) if (/[\r\n\0]/.test(line)) throw new Fault('internal', 'a line end in an SMTP command');
    if (this.#broken === null) this.#socket.write(`${lines.join('\r\n')}\r\n`);
  }

  command(line: string, timeout = this.options.timeouts.command): Promise<RemoteReply> {
    this.send(line);
    return this.read(timeout, `sending ${line.slice(0, 40).replace(/^(AUTH \S+).*/, '$1')}`);
  }

  /** Message text, already as on the wire; pieces leave in one write. Resolves when there is room for more. @throws Broken */
  async write(...pieces: readonly Uint8Array[]): Promise<void> {
    if (this.#broken !== null) throw new Broken(`${this.#broken.message} while sending message text`);
    this.#socket.cork();
    for (const piece of pieces) if (piece.length > 0) this.#socket.write(piece);
    this.#socket.uncork();
    if (!this.#socket.writableNeedDrain) return;
    const timer = setTimeout(
      () => this.#break(new Broken(`conversation with ${this.name} timed out while sending message text`)),
      this.options.timeouts.dataBlock,
    );
    await new Promise<void>((resolve) => {
      this.#drain = resolve;
    });
    clearTimeout(timer);
    if (this.#broken !== null) throw new Broken(`${(this.#broken as Error).message} while sending message text`);
  }

  /**
   * Goes over to TLS; the server has agreed already, or expects it from the start. Nothing is refused here: what the
   * certificate proves is in `tls`. @throws Broken
   */
  startTls(options: ConnectionOptions, old: OldSession | null = null): Promise<void> {
    // What was sent in the clear after 220 is not the server's word. RFC 3207 5
    if (this.#replies.length > 0 || this.#reader.partial > 0) {
      const error = new Broken(`${this.name} sent data between STARTTLS and TLS`);
      this.#break(error);
      return Promise.reject(error);
    }
    const plain = this.#socket;
    plain.removeAllListeners('data');
    plain.removeAllListeners('drain');
    plain.removeAllListeners('close');
    plain.removeAllListeners('error');
    const { host } = this.options;
    this.resuming = old !== null;
    return new Promise((resolve, reject) => {
      const socket: TLSSocket = connectTls({
        ...options,
        ...(old !== null && { session: old.session }),
        socket: plain,
        rejectUnauthorized: false,
        checkServerIdentity: () => undefined,
        ...(isIP(host) === 0 && { servername: host }),
      });
      this.#socket = socket;
      const fail = (what: string): void => {
        clearTimeout(timer);
        const error = new Broken(`TLS with ${this.name}: ${what}`);
        this.#break(error);
        reject(error);
      };
      const timer = setTimeout(() => fail('handshake timed out'), this.options.timeouts.command);
      plain.once('error', (error) => fail(error.message));
      socket.once('error', (error) => fail(error.message));
      socket.once('close', () => fail('connection closed during the handshake'));
      socket.on('session', (session: Buffer) => {
        this.tlsSession = session;
      });
      socket.once('secureConnect', () => {
        clearTimeout(timer);
        socket.removeAllListeners('error');
        socket.removeAllListeners('close');
        this.tls = proofOf(socket, host, old);
        // Nothing that was said before counts. RFC 3207 4.2
        this.extensions = new Map();
        this.#reader = new ReplyReader();
        this.#attach(socket);
        resolve();
      });
    });
  }

  /** EHLO (LHLO), and HELO where that is unknown. @throws Broken */
  async hello(): Promise<RemoteReply> {
    const { helo, protocol } = this.options;
    const reply = await this.command(`${protocol === 'lmtp' ? 'LHLO' : 'EHLO'} ${helo}`);
    if (reply.code === 250) {
      this.extensions = new Map(
        reply.lines.slice(1).map((line) => {
          // QUIRK: old servers write AUTH=LOGIN.
          const [, keyword = '', parameters = ''] = /^([^\s=]*)[\s=]*(.*)$/.exec(line) ?? [];
          return [keyword.toUpperCase(), parameters] as const;
        }),
      );
      return reply;
    }
    if (protocol === 'lmtp' || reply.code === 421 || reply.code < 500) return reply;
    return this.command(`HELO ${helo}`);
  }

  /** Says goodbye and closes; waits for nobody. */
  quit(): void {
    if (this.#broken !== null) return;
    this.send('QUIT');
    this.#socket.end();
    const timer = setTimeout(() => this.#socket.destroy(), 5_000);
    timer.unref();
    this.#socket.once('close', () => clearTimeout(timer));
    this.#broken = new Broken('closed');
  }

  destroy(): void {
    this.#break(new Broken('stopped'));
  }

  /** Keeps the process alive, or not, while nothing is under way. */
  unref(): void {
    this.#socket.unref();
  }

  ref(): void {
    this.#socket.ref();
  }
}

function proofOf(socket: TLSSocket, host: string, old: OldSession | null): TlsProof {
  const resumed = socket.isSessionReused();
  let certificate = resumed ? (old?.certificate ?? null) : null;
  return {
    resumed,
    get certificate() {
      certificate ??= socket.getPeerCertificate(true);
      return certificate;
    },
    get untrusted() {
      if (!socket.authorized) return String(socket.authorizationError);
      return checkServerIdentity(host, this.certificate)?.message ?? null;
    },
  };
}

function connectError(error: NodeJS.ErrnoException): string {
  const words: Record<string, string> = {
    ECONNREFUSED: 'Connection refused',
    ECONNRESET: 'Connection reset by peer',
    ETIMEDOUT: 'Connection timed out',
    EHOSTUNREACH: 'No route to host',
    ENETUNREACH: 'Network is unreachable',
    EPIPE: 'Broken pipe',
  };
  return words[error.code ?? ''] ?? error.message;
}

export { replyText };
