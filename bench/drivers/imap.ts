// A client that sends commands and reads replies as fast as it can, looking only at lines and literals.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export class ImapClient {
  #socket: Socket;
  #pending: Buffer = Buffer.alloc(0);
  #literal = 0;
  #tag = 0;
  #waiting: { tag: string; resolve: (answer: string) => void; reject: (error: Error) => void }[] = [];
  #continued: (() => void) | null = null;
  /** Octets received. */
  received = 0;
  /** Untagged lines (without literals' contents) since the last command; kept when `keep`. */
  lines: string[] = [];
  keep = false;
  /** Called with each untagged line. */
  onLine: ((line: string) => void) | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('closed')));
  }

  static async open(port: number, tls = false): Promise<ImapClient> {
    const socket = tls ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }) : connect(port, '127.0.0.1');
    await once(socket, tls ? 'secureConnect' : 'connect');
    const client = new ImapClient(socket);
    await new Promise<void>((resolve, reject) => {
      client.#waiting.push({ tag: '* OK', resolve: () => resolve(), reject });
    });
    return client;
  }

  async login(user: string, password: string): Promise<void> {
    await this.command(`LOGIN ${user} ${password}`);
  }

  /** Sends one command; resolves with its tagged line. */
  command(text: string): Promise<string> {
    const tag = `t${++this.#tag}`;
    this.lines = [];
    const done = new Promise<string>((resolve, reject) => {
      this.#waiting.push({ tag, resolve, reject });
    });
    this.#socket.write(`${tag} ${text}\r\n`);
    return done.then((line) => {
      if (!line.startsWith(`${tag} OK`)) throw new Error(`${text.slice(0, 60)}: ${line}`);
      return line;
    });
  }

  /** APPEND with a non-synchronizing literal. RFC 7888 */
  async append(mailbox: string, message: Buffer): Promise<string> {
    const tag = `t${++this.#tag}`;
    const done = new Promise<string>((resolve, reject) => {
      this.#waiting.push({ tag, resolve, reject });
    });
    this.#socket.cork();
    this.#socket.write(`${tag} APPEND ${mailbox} {${message.length}+}\r\n`);
    this.#socket.write(message);
    this.#socket.write('\r\n');
    this.#socket.uncork();
    const line = await done;
    if (!line.startsWith(`${tag} OK`)) throw new Error(line);
    return line;
  }

  /** Goes into IDLE; resolves once the server said so. */
  async idle(): Promise<void> {
    const tag = `t${++this.#tag}`;
    const ready = new Promise<void>((resolve) => {
      this.#continued = resolve;
    });
    this.#waiting.push({ tag, resolve: () => {}, reject: () => {} });
    this.#socket.write(`${tag} IDLE\r\n`);
    await ready;
  }

  close(): void {
    this.#waiting = [];
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    for (const one of this.#waiting.splice(0)) one.reject(error);
  }

  #read(chunk: Buffer): void {
    this.received += chunk.length;
    let data = chunk;
    if (this.#literal > 0) {
      if (data.length <= this.#literal) {
        this.#literal -= data.length;
        return;
      }
      data = data.subarray(this.#literal);
      this.#literal = 0;
    }
    if (this.#pending.length > 0) data = Buffer.concat([this.#pending, data]);
    let from = 0;
    for (;;) {
      const end = data.indexOf(10, from);
      if (end < 0) break;
      // The end of the line says whether a literal follows.
      if (data[end - 2] === 0x7d) {
        const open = data.lastIndexOf(0x7b, end - 2);
        const size = Number(data.toString('latin1', open + 1, end - 2));
        if (open >= from && !Number.isNaN(size)) {
          if (this.keep) this.lines.push(data.toString('latin1', from, end - 1));
          from = end + 1 + size;
          if (from > data.length) {
            this.#literal = from - data.length;
            this.#pending = Buffer.alloc(0);
            return;
          }
          continue;
        }
      }
      const first = data[from];
      if (first === 0x2a || first === 0x74 || first === 0x2b) {
        const next = this.#waiting[0];
        const line =
          this.keep || this.onLine !== null || first !== 0x2a || next?.tag === '* OK' ? data.toString('latin1', from, end - 1) : '';
        if (next !== undefined && line.startsWith(next.tag)) {
          this.#waiting.shift();
          next.resolve(line);
        } else if (first === 0x2b) {
          this.#continued?.();
          this.#continued = null;
        } else if (first === 0x2a) {
          if (this.keep) this.lines.push(line);
          this.onLine?.(line);
        }
      }
      from = end + 1;
    }
    this.#pending = data.subarray(from);
  }
}
