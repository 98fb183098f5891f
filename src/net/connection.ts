import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { constants, createDeflateRaw, createInflateRaw, type DeflateRaw, type InflateRaw } from 'node:zlib';
import { shortName } from '../base/short-name.ts';
import { turns } from '../base/turns.ts';
import { Fault } from '../mail/fault.ts';
import type { ConnectionOptions, ReadLineOptions } from './connection-options.ts';
import { Deadline } from './deadline.ts';
import { handshake, type TlsInfo } from './handshake.ts';
import { InputBuffer } from './input-buffer.ts';
import { normalAddress } from './networks.ts';
import { OutputBatch } from './output-batch.ts';

export type { ConnectionOptions, ReadLineOptions } from './connection-options.ts';
export type { TlsInfo } from './handshake.ts';

/** Octets read ahead of the session before the socket is paused. */
const readAhead = 64 * 1024;
/** Octets written and not yet taken by the system, past which `drain` waits and no more input is handed out. */
const highWater = 64 * 1024;
/** Octets of an overlong line that are read and dropped before the client is cut off. */
const skipLimit = 1 << 20;
/** How long a client may take none of what is written. */
const writeTimeout = 5 * 60_000;
/** How long a client that was said goodbye may keep its side open. */
const lingerTimeout = 5_000;

/**
 * One client's socket, in the clear or under TLS. Lines, counted octets and chunks come out in the order they came in;
 * one reader at a time. What is written in one tick leaves in one write.
 */
export class Connection {
  /** Names the session in logs. */
  readonly id = shortName();
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** Resolves when the socket is gone. */
  readonly closed: Promise<void>;
  /** Octets that came before a TLS handshake they should have come after; dropped. */
  earlyPlaintext = 0;

  readonly #options: ConnectionOptions;
  #socket: Socket;
  #tls: TlsInfo | null = null;
  #deflate: DeflateRaw | null = null;
  #inflate: InflateRaw | null = null;

  readonly #input = new InputBuffer();
  #paused = false;
  /** No more input will come. */
  #ended = false;
  /** The socket has no more, the decompressor may. */
  #inputEnded = false;
  #wake: (() => void) | null = null;
  #late: ((fault: Fault) => void) | null = null;
  readonly #deadline = new Deadline(() => {
    this.#wake = null;
    this.#late?.(new Fault('timedOut', 'no input'));
  });

  readonly #output = new OutputBatch();
  #flushing = false;
  /** Given to the compressor and not yet through it. */
  #compressing = 0;
  #drained: (() => void)[] = [];
  #finished = false;
  #destroyed = false;
  #close!: () => void;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.remoteAddress = normalAddress(options.remote?.address ?? socket.remoteAddress ?? 'unknown');
    this.remotePort = options.remote?.port ?? socket.remotePort ?? 0;
    this.localAddress = normalAddress(options.local?.address ?? socket.localAddress ?? 'unknown');
    this.localPort = options.local?.port ?? socket.localPort ?? 0;
    this.closed = new Promise((resolve) => {
      this.#close = resolve;
    });
    socket.setNoDelay(true);
    this.#attach(socket);
  }

  /** TLS is on. */
  get secure(): boolean {
    return this.#tls !== null;
  }

  get tls(): TlsInfo | null {
    return this.#tls;
  }

  /** TLS can be had. */
  get canStartTls(): boolean {
    return this.#options.tls !== null && this.#tls === null;
  }

  get compressed(): boolean {
    return this.#deflate !== null;
  }

  /** Octets that have come and were not read yet. */
  get buffered(): number {
    return this.#input.length;
  }

  /** The client has closed its side, or the socket is gone. Octets may still be `buffered`. */
  get ended(): boolean {
    return this.#ended;
  }

  get destroyed(): boolean {
    return this.#destroyed;
  }

  /** Octets on the wire. */
  get bytesRead(): number {
    return this.#socket.bytesRead;
  }

  get bytesWritten(): number {
    return this.#socket.bytesWritten;
  }

  /**
   * What both ends of the TLS connection know, by type of channel binding: `tls-exporter` (RFC 9266 2), null for others.
   * undefined without TLS 1.3: before it the exporter is unique only with extensions that Node does not tell of. RFC 9266 4.2
   */
  get channelBinding(): ((type: string) => Buffer | null) | undefined {
    const socket = this.#socket;
    if (!(socket instanceof TLSSocket) || this.#tls?.protocol !== 'TLSv1.3') return undefined;
    return (type) => (type === 'tls-exporter' ? socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)) : null);
  }

  /**
   * The next line without its end; null at the end of input (an unfinished line is dropped).
   *
   * @param maxOctets of the line without its end. A longer one is read to its end and dropped
   * @param timeoutMs for the whole line
   * @throws Fault tooBig, timedOut
   */
  async readLine(maxOctets: number, timeoutMs: number, options: ReadLineOptions = {}): Promise<Buffer | null> {
    const deadline = performance.now() + timeoutMs;
    if (!(await this.#settled())) return null;
    const input = this.#input;
    let skipped = 0;
    for (;;) {
      const line = input.line(options.bareLf ?? false);
      if (line !== null) {
        this.#consumed();
        if (skipped + line.length > maxOctets) throw new Fault('tooBig', `a line of ${skipped + line.length} octets`);
        return line;
      }
      // One more for the CR that may be the first half of the line's end.
      if (skipped + input.length > maxOctets + 1) {
        skipped += input.drop();
        this.#consumed();
        if (skipped > skipLimit) {
          this.destroy();
          throw new Fault('tooBig', `a line of more than ${skipLimit} octets`);
        }
      }
      if (!(await this.#more(deadline))) {
        this.#take(this.buffered);
        return null;
      }
    }
  }

  /**
   * Hands exactly `octets` to `onChunk`, as they come. What `onChunk` gets is not used again.
   *
   * @param timeoutMs between two arrivals
   * @returns false where input ended before
   * @throws Fault timedOut
   */
  async read(octets: number, onChunk: (chunk: Buffer) => void | Promise<void> | undefined, timeoutMs: number): Promise<boolean> {
    let left = octets;
    while (left > 0) {
      if (this.buffered === 0 && !(await this.#more(performance.now() + timeoutMs))) return false;
      const chunk = this.#take(Math.min(left, this.buffered));
      left -= chunk.length;
      const busy = onChunk(chunk);
      if (busy !== undefined) await busy;
    }
    return true;
  }

  /** Whatever has come, at least one octet; null at the end of input. @throws Fault timedOut */
  async readChunk(timeoutMs: number): Promise<Buffer | null> {
    if (this.buffered === 0 && !(await this.#more(performance.now() + timeoutMs))) return null;
    return this.#take(this.buffered);
  }

  /** Puts back the end of what `readChunk` gave. */
  unread(rest: Buffer): void {
    this.#input.unread(rest);
  }

  /** Collected until the end of the tick. Nothing happens once the socket is gone. */
  write(data: string | Uint8Array, encoding: 'utf8' | 'latin1' = 'utf8'): void {
    if (this.#finished || data.length === 0) return;
    this.#output.add(data, encoding);
    if (this.#output.size > highWater) this.#flush();
    else if (!this.#flushing) {
      this.#flushing = true;
      process.nextTick(() => this.#flush());
    }
  }

  /** Octets written and not yet taken by the system. */
  get pendingOutput(): number {
    return this.#output.size + this.#compressing + this.#socket.writableLength;
  }

  /** What of the client the session waits for: that it takes what was written, or that it says more; null where it does not. */
  get waitsFor(): 'output' | 'input' | null {
    if (this.#drained.length > 0) return 'output';
    return this.#wake === null ? null : 'input';
  }

  /** Waits where more than the high-water mark is pending. @throws Fault timedOut when the client takes nothing, unavailable when it is gone */
  async drain(): Promise<void> {
    if (!(await this.#settled())) throw new Fault('unavailable', 'connection lost');
  }

  /**
   * Says `reply` in the clear and goes on under TLS. What the client sent before is dropped, so that nothing from before the
   * handshake is taken for something said under its protection. RFC 3207 4.2, RFC 9051 11.1, RFC 2595 4
   *
   * @throws Fault unavailable when the handshake fails; the connection is gone then
   */
  async startTls(reply: string): Promise<void> {
    if (!this.canStartTls) throw new Fault('badSequence', 'TLS is on or not to be had');
    const plain = this.#socket;
    this.#detach(plain);
    let early = this.#take(this.buffered).length;
    for (let chunk: Buffer | null = plain.read(); chunk !== null; chunk = plain.read()) early += chunk.length;
    if (early > 0) {
      this.earlyPlaintext += early;
      this.#options.log.warn({ session: this.id, address: this.remoteAddress, octets: early }, 'plaintext before TLS dropped');
    }
    this.write(reply);
    this.#flush();
    // From here on what comes stays in the socket, for TLS to read.
    await new Promise<void>((resolve) => {
      plain.write('', () => resolve());
    });
    await this.#handshake(plain);
  }

  /** TLS from the first octet. @throws Fault unavailable */
  async implicitTls(): Promise<void> {
    const plain = this.#socket;
    this.#detach(plain);
    const early = this.buffered;
    if (early > 0) plain.unshift(Buffer.from(this.#take(early)));
    await this.#handshake(plain);
  }

  /** After `reply` both directions are deflated. RFC 4978 3 */
  compress(reply: string): void {
    this.write(reply);
    this.#flush();
    const early = this.#take(this.buffered);
    // 32 KiB window for the client's sake, little memory for ours.
    this.#deflate = createDeflateRaw({ windowBits: 15, memLevel: 5 });
    this.#inflate = createInflateRaw({ windowBits: 15 });
    this.#deflate.on('data', (chunk: Buffer) => this.#socket.write(chunk, () => this.#onDrain()));
    this.#deflate.on('error', () => this.destroy());
    this.#inflate.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#inflate.on('drain', () => this.#resume());
    this.#inflate.on('end', () => this.#endInput());
    this.#inflate.on('error', () => {
      if (this.#inputEnded) this.#endInput();
      else this.destroy();
    });
    if (early.length > 0) this.#inflate.write(early);
  }

  /**
   * `reply` is the last that is deflated; what follows is plain, both ways. Where the client ended its stream with the command
   * or only flushed it makes no difference; what it sent after it without waiting is lost with the connection. RFC 8437 4.1
   */
  async uncompress(reply: string): Promise<void> {
    const [deflate, inflate] = [this.#deflate, this.#inflate];
    if (deflate === null || inflate === null) throw new Fault('badSequence', 'not compressed');
    inflate.removeAllListeners();
    inflate.on('error', () => {});
    inflate.close();
    this.#inflate = null;
    this.#ended = this.#inputEnded;
    this.#resume();
    this.#flush();
    await new Promise<void>((resolve) => deflate.once('close', resolve).once('end', resolve).end(reply));
    this.#deflate = null;
  }

  /** Sends what is pending, then closes. A reader sees the end of input. */
  end(): void {
    if (this.#finished) return;
    this.#flush();
    this.#finished = true;
    this.#ended = true;
    const socket = this.#socket;
    const close = () => {
      socket.end();
      // Reading on lets the client's last words pass instead of answering them with a reset.
      if (!socket.destroyed) {
        socket.removeAllListeners('data');
        socket.resume();
      }
    };
    if (this.#deflate === null) close();
    else this.#deflate.once('end', close).end();
    // Time for a slow client to take what is pending; once it has, it is its turn to close.
    let timer = setTimeout(() => this.destroy(), writeTimeout).unref();
    socket.once('finish', () => {
      clearTimeout(timer);
      if (!this.#destroyed) timer = setTimeout(() => this.destroy(), lingerTimeout).unref();
    });
    void this.closed.then(() => clearTimeout(timer));
    this.#signal();
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#socket.destroy();
    this.#onClose();
  }

  #attach(socket: Socket): void {
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('drain', this.#onDrain);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    socket.resume();
  }

  /** Only errors and closing are heard; what comes stays in the socket. */
  #detach(socket: Socket): void {
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('drain', this.#onDrain);
    socket.pause();
    this.#paused = false;
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#inflate === null) this.#receive(chunk);
    else if (!this.#inflate.write(chunk)) this.#pause();
  };

  readonly #onEnd = (): void => {
    this.#inputEnded = true;
    // What is in the decompressor comes first.
    if (this.#inflate === null) this.#endInput();
    else this.#inflate.end();
  };

  readonly #onDrain = (): void => {
    if (this.#drained.length === 0 || (this.pendingOutput > highWater && !this.#destroyed)) return;
    const waiting = this.#drained;
    this.#drained = [];
    for (const resolve of waiting) resolve();
  };

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    this.#options.log.debug({ session: this.id, code: error.code ?? error.message }, 'connection error');
    this.#ended = true;
  };

  readonly #onClose = (): void => {
    this.#destroyed = true;
    this.#finished = true;
    this.#ended = true;
    this.#output.clear();
    this.#deflate?.close();
    this.#inflate?.close();
    this.#signal();
    this.#deadline.stop();
    this.#onDrain();
    this.#close();
  };

  async #handshake(plain: Socket): Promise<void> {
    plain.off('close', this.#onClose);
    if (plain.destroyed) {
      this.#onClose();
      throw new Fault('unavailable', 'connection lost');
    }
    const socket = new TLSSocket(plain, { ...this.#options.tls!.socketOptions(), allowHalfOpen: true } as ConstructorParameters<
      typeof TLSSocket
    >[1]);
    this.#socket = socket;
    this.#attach(socket);
    this.#tls = await handshake(socket, this.#options.handshakeTimeout ?? 60_000);
  }

  #endInput(): void {
    this.#ended = true;
    this.#signal();
  }

  #receive(chunk: Buffer): void {
    this.#input.append(chunk);
    if (this.buffered > readAhead) this.#pause();
    this.#signal();
  }

  #take(octets: number): Buffer {
    const chunk = this.#input.take(octets);
    this.#consumed();
    return chunk;
  }

  #consumed(): void {
    if (this.#paused && this.buffered <= readAhead / 2) this.#resume();
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
    this.#inflate?.pause();
  }

  #resume(): void {
    if (!this.#paused || this.buffered > readAhead) return;
    this.#paused = false;
    this.#inflate?.resume();
    if (this.#inflate === null || !this.#inflate.writableNeedDrain) this.#socket.resume();
    else this.#paused = true;
  }

  /** Waits for input. False at its end. @throws Fault timedOut */
  async #more(deadline: number): Promise<boolean> {
    if (this.#ended) return false;
    const before = this.buffered;
    if (deadline <= performance.now()) throw new Fault('timedOut', 'no input');
    if (this.#wake !== null) throw new Error('two readers on one connection');
    await new Promise<void>((resolve, reject) => {
      this.#deadline.set(deadline);
      this.#late = reject;
      this.#wake = resolve;
    });
    return this.buffered > before || !this.#ended;
  }

  /** Waits while too much is pending. False when the connection is gone. @throws Fault timedOut */
  async #settled(): Promise<boolean> {
    if (this.pendingOutput > highWater) {
      this.#flush();
      while (this.pendingOutput > highWater && !this.#destroyed) await this.#drain();
    }
    return !this.#destroyed;
  }

  #signal(): void {
    if (this.#wake === null) return;
    this.#deadline.clear(); // It is in time, whenever its turn comes.
    turns.take(this.#wake);
    this.#wake = null;
  }

  #drain(): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#drained = this.#drained.filter((other) => other !== settle);
        this.destroy();
        reject(new Fault('timedOut', 'the client takes no output'));
      }, writeTimeout);
      this.#drained.push(settle);
    });
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#output.size === 0 || this.#destroyed) return;
    if (this.#deflate === null) {
      this.#output.sendTo(this.#socket);
      return;
    }
    const size = this.#output.size;
    this.#compressing += size;
    this.#output.sendTo(this.#deflate);
    this.#deflate.flush(constants.Z_SYNC_FLUSH, () => {
      this.#compressing -= size;
      this.#onDrain();
    });
  }
}
