import type { AuthContext, Authenticator } from '../auth/authenticator.ts';
import type { Log } from '../base/log.ts';
import { bugs } from '../base/metrics.ts';
import { Share } from '../base/share.ts';
import type { Account } from '../directory/directory.ts';
import { Fault } from '../mail/fault.ts';
import type { CommandWatch } from '../net/command-watch.ts';
import type { Connection } from '../net/connection.ts';
import type { MailStore } from '../store/store.ts';
import type { State } from './command.ts';
import { commandNamed, commands, generalCapabilities } from './commands/index.ts';
import { DotStuffing, dotStuffed } from './dot-stuffing.ts';
import { pop3Replies, Refusal } from './faults.ts';
import { commandLine } from './grammar/command-line.ts';
import type { UidlFormat } from './grammar/uidl-format.ts';
import type { Listings } from './listing.ts';
import { Maildrop } from './maildrop.ts';
import type { Pop3Settings } from './settings.ts';
import { defaultTexts, type Texts } from './texts/index.ts';

/** Octets of a command. RFC 2449 4 says 255, RFC 5034 4 says 255 for AUTH with its initial response; tokens are longer in practice. */
const commandLimit = 8192;
/** Octets of a line within AUTH. RFC 5034 4 */
const responseLimit = 12_288;
/** Octets of a message read at once. */
const step = 65_536;

export interface SessionDeps {
  readonly authenticator: Authenticator;
  readonly store: MailStore;
  readonly listings: Listings;
  readonly watch: CommandWatch;
  readonly log: Log;
}

/** One client from greeting to goodbye. */
export class Session {
  readonly connection: Connection;
  readonly authenticator: Authenticator;
  readonly uidlFormat: UidlFormat | null;
  /** Given by USER, for the next PASS. */
  userName: string | null = null;
  texts: Texts = defaultTexts;
  utf8 = false;
  /** null until login. */
  maildrop: Maildrop | null = null;

  readonly #settings: Pop3Settings;
  readonly #store: MailStore;
  readonly #listings: Listings;
  readonly #watch: CommandWatch;
  readonly #log: Log;
  readonly #started = performance.now();
  readonly #share = new Share();
  /** The next command came along with the last. */
  #pipelined = false;
  #over = false;
  #busy = false;
  #closing = false;
  #failures = 0;
  #loginFailures = 0;
  #reason = 'lost';
  #retrieved = 0;
  #deleted = 0;

  constructor(connection: Connection, settings: Pop3Settings, uidlFormat: UidlFormat | null, deps: SessionDeps) {
    this.connection = connection;
    this.authenticator = deps.authenticator;
    this.uidlFormat = uidlFormat;
    this.#settings = settings;
    this.#store = deps.store;
    this.#listings = deps.listings;
    this.#watch = deps.watch;
    this.#log = deps.log.child({ service: 'pop3', session: connection.id, remote_address: connection.remoteAddress });
  }

  get state(): State {
    return this.maildrop === null ? 'authorization' : 'transaction';
  }

  get authContext(): AuthContext {
    const { secure, channelBinding } = this.connection;
    return {
      service: 'pop3',
      remoteAddress: this.connection.remoteAddress,
      secure,
      ...(channelBinding === undefined ? {} : { channelBinding }),
    };
  }

  get allowsPlaintext(): boolean {
    return this.authenticator.allowsPlaintext(this.authContext);
  }

  get marksSeen(): boolean {
    return !this.#settings.noFlagUpdates;
  }

  /** Until the client leaves, is sent away, or is lost. Never rejects. */
  async run(): Promise<void> {
    try {
      this.ok(this.#settings.greeting);
      while (!this.#over && (await this.#next()));
    } catch (error) {
      this.#ended(error);
    }
    this.connection.end();
    await this.maildrop?.close().catch((error: unknown) => this.#bug(error));
    this.#log.info(
      {
        address: this.maildrop?.account.address,
        retrieved: this.#retrieved,
        deleted: this.#deleted,
        octets_in: this.connection.bytesRead,
        octets_out: this.connection.bytesWritten,
        duration: Math.round(performance.now() - this.#started),
        reason: this.#reason,
      },
      'session ended',
    );
  }

  /** Asks the session to end: at once between commands, else after the one that runs. */
  close(): void {
    this.#closing = true;
    if (!this.#busy) this.#bye();
  }

  ok(text = ''): void {
    this.connection.write(text === '' ? '+OK\r\n' : `+OK ${text}\r\n`);
  }

  /** Lines of a multi-line response. */
  list(lines: Iterable<string>): void {
    let text = '';
    for (const line of lines) text += line.startsWith('.') ? `.${line}\r\n` : `${line}\r\n`;
    this.connection.write(`${text}.\r\n`);
  }

  /** One line for each message that is not marked as deleted. */
  listMessages(value: (message: number) => string | number): void {
    const maildrop = this.maildrop!;
    let text = '';
    for (let message = 1; message <= maildrop.count; message++) {
      if (!maildrop.isDeleted(message)) text += `${message} ${value(message)}\r\n`;
    }
    this.connection.write(`${text}.\r\n`, 'latin1');
  }

  /** What CAPA says. RFC 2449 5 */
  capabilities(): string[] {
    const offered = commands.flatMap((command) => command.capability?.(this) ?? []);
    return [...offered, ...generalCapabilities, 'IMPLEMENTATION postcote'];
  }

  /** @throws Fault tlsRequired where a password may not cross the wire */
  requirePlaintext(): void {
    if (!this.allowsPlaintext) throw new Fault('tlsRequired');
  }

  /** Sends a challenge, gets the client's answer. RFC 5034 4 */
  async prompt(challenge: string): Promise<string> {
    this.connection.write(`+ ${challenge}\r\n`);
    const line = await this.connection.readLine(responseLimit, this.#settings.loginTimeout, { bareLf: true });
    if (line === null) throw new Fault('unavailable', 'connection lost');
    return line.toString('latin1');
  }

  /** Into the transaction state, where `authenticate` finds the account. */
  async login(mechanism: string, authenticate: () => Promise<Account>): Promise<void> {
    let account: Account;
    try {
      account = await authenticate();
    } catch (error) {
      if (error instanceof Fault && error.kind === 'badCredentials' && ++this.#loginFailures >= this.#settings.loginFailureLimit) {
        this.#refuse(error);
        this.#finish('too many failed logins');
        return;
      }
      throw error;
    }
    this.maildrop = await Maildrop.open(this.#store, this.#listings, account, this.#settings.lockWait);
    this.#log.info({ address: account.address, mechanism, tls: this.connection.tls?.protocol, messages: this.maildrop.count }, 'logged in');
    this.ok(this.texts.loggedIn);
  }

  async startTls(): Promise<void> {
    this.userName = null;
    this.utf8 = false;
    await this.connection.startTls(`+OK ${this.texts.beginTls}\r\n`);
  }

  /** Header and at most `lines` lines of the body. @throws Fault expunged */
  sendMessage(message: number, text: string, lines?: number): Promise<void> | undefined {
    const whole = this.maildrop!.smallText(message);
    if (whole === null) return this.#sendFile(message, text, lines);
    if (lines === undefined) {
      // One text of one encoding with what is pipelined.
      const head = Buffer.from(`+OK ${text}\r\n`).toString('latin1');
      this.connection.write(head + dotStuffed(whole, whole.length === this.maildrop!.size(message)), 'latin1');
      this.#retrieved++;
    } else {
      this.ok(text);
      const stuffing = new DotStuffing(lines);
      this.connection.write(stuffing.write(Buffer.from(whole, 'latin1')));
      this.connection.write(stuffing.end());
    }
    return undefined;
  }

  /** The same in pieces as the client takes them. */
  async #sendFile(message: number, text: string, lines?: number): Promise<void> {
    const file = await this.maildrop!.openMessage(message);
    try {
      this.ok(text);
      const stuffing = new DotStuffing(lines);
      for (let at = 0; at < file.size && !stuffing.done; at += step) {
        const chunk = file.size <= step ? file.readSync(0, file.size) : await file.read(at, step);
        this.connection.write(stuffing.write(chunk));
        await this.connection.drain();
      }
      this.connection.write(stuffing.end());
      if (lines === undefined) this.#retrieved++;
    } finally {
      file.close();
    }
  }

  async quit(): Promise<void> {
    const { maildrop } = this;
    if (maildrop === null) {
      this.ok(this.texts.loggingOut);
    } else {
      const { deleted } = maildrop;
      try {
        await maildrop.commit();
        this.#deleted = deleted;
      } catch (error) {
        // RFC 1939 6: the client is told, and the session ends all the same.
        this.#log.error({ address: maildrop.account.address, err: error }, 'deleted messages not removed');
        this.#err(pop3Replies.internal.code, this.texts.notRemoved);
        this.#finish('quit');
        return;
      }
      // Whoever logs in as soon as this session is seen to end finds no lock.
      await maildrop.close();
      this.maildrop = null;
      this.ok(deleted > 0 ? this.texts.loggingOutDeleted : this.texts.loggingOut);
    }
    this.#finish('quit');
  }

  /** One command. False at the end of input. */
  async #next(): Promise<boolean> {
    if (this.#closing) {
      this.#bye();
      return false;
    }
    let line: Buffer | null;
    try {
      line = await this.connection.readLine(commandLimit, this.#patience(), { bareLf: true });
    } catch (error) {
      if (!(error instanceof Fault) || error.kind !== 'tooBig') throw error;
      this.#failed(error);
      return true;
    }
    if (line === null) return false;
    this.#busy = true;
    let answered: (() => void) | undefined;
    try {
      const { keyword, argument } = commandLine(line);
      const command = commandNamed(keyword);
      if (command === undefined) throw new Fault('unknownCommand');
      if (!command.states.includes(this.state)) throw new Fault('badSequence', keyword);
      const on = this.maildrop === null ? 'auth' : 'store';
      answered = this.#watch.begin({ name: keyword, log: this.#log, connection: this.connection, state: () => this.state, on });
      const running = command.run(argument, this);
      if (running !== undefined) await running;
      this.#failures = 0;
    } catch (error) {
      if (this.connection.destroyed) throw error;
      this.#failed(error);
    } finally {
      answered?.();
      this.#busy = false;
    }
    // Whoever pipelines has the loop for a stretch only.
    if (this.connection.buffered === 0) this.#pipelined = false;
    else if (this.#pipelined) await this.#share.next();
    else {
      this.#pipelined = true;
      this.#share.begin();
    }
    return true;
  }

  /** Milliseconds until the client is given up. Before login no amount of commands prolongs it beyond the double. */
  #patience(): number {
    const { loginTimeout, idleTimeout } = this.#settings;
    if (this.maildrop !== null) return idleTimeout;
    return Math.max(0, Math.min(loginTimeout, this.#started + 2 * loginTimeout - performance.now()));
  }

  #failed(error: unknown): void {
    this.#refuse(error);
    if (++this.#failures >= this.#settings.badCommandLimit) {
      this.#err(null, this.texts.tooManyErrors);
      this.#finish('too many errors');
    }
  }

  #refuse(error: unknown): void {
    if (error instanceof Refusal) {
      this.#err(null, error.text(this.texts));
    } else if (error instanceof Fault) {
      const reply = pop3Replies[error.kind];
      this.#err(reply.code, this.texts[reply.text]);
    } else {
      this.#bug(error);
      this.#err(pop3Replies.internal.code, this.texts.internal);
    }
  }

  #ended(error: unknown): void {
    if (error instanceof Fault && error.kind === 'timedOut') {
      this.#reason = 'timed out';
      this.#err(null, this.texts.idle);
    } else if (!(error instanceof Fault)) {
      this.#bug(error);
      this.#reason = 'bug';
    }
  }

  #err(code: string | null, text: string): void {
    this.connection.write(code === null ? `-ERR ${text}\r\n` : `-ERR [${code}] ${text}\r\n`);
  }

  #bye(): void {
    if (this.#over) return;
    this.#err(null, this.texts.shutdown);
    this.#finish('shutdown');
    this.connection.end();
  }

  #finish(reason: string): void {
    this.#over = true;
    this.#reason = reason;
  }

  #bug(error: unknown): void {
    bugs.add(1, 'pop3');
    this.#log.error({ err: error }, 'bug');
  }
}
