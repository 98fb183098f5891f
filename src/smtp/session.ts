import { isAscii } from 'node:buffer';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SMTPServer } from 'smtp-server';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';
import type { AuthContext, Authenticator } from '../auth/authenticator.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { bugs, counter } from '../base/metrics.ts';
import type { Delivery, Hop } from '../delivery/delivery.ts';
import type { Account, DirectorySource, Expansion } from '../directory/directory.ts';
import type { Address } from '../mail/address.ts';
import { Fault } from '../mail/fault.ts';
import { formatReply, type Reply } from '../mail/reply.ts';
import type { Connection } from '../net/connection.ts';
import type { Dns } from '../net/dns.ts';
import type { Networks } from '../net/networks.ts';
import type { Policy } from '../policy/policy.ts';
import type { Rates } from '../policy/rates.ts';
import type { Subject } from '../policy/subject.ts';
import type { Queue } from '../queue/queue.ts';
import { commands } from './commands/index.ts';
import { faultReply, smtpReplies } from './faults.ts';
import { Input, type LineDefect } from './input.ts';
import { type RemoteName, remoteName } from './remote-name.ts';
import type { Role } from './roles.ts';
import type { SmtpSettings } from './settings.ts';
import type { Transaction } from './transaction.ts';

export interface SmtpDeps {
  readonly directory: DirectorySource;
  readonly authenticator: Authenticator;
  readonly delivery: Delivery;
  readonly queue: Pick<Queue, 'nextId' | 'flushDomain'>;
  /** null: clients have no names, and restrictions that need DNS are unknown. */
  readonly dns: Dns | null;
  readonly clock: Clock;
  readonly log: Log;
}

/** What all sessions of a service share. */
export interface SmtpShared {
  readonly policy: Policy;
  readonly rates: Rates;
  readonly xclientHosts: Networks;
  /** Stands for the package's server. */
  readonly host: SMTPServer;
}

const sessions = counter('postcote_smtp_sessions_total', 'SMTP and LMTP sessions begun.', ['role']);
const taken = counter('postcote_smtp_messages_total', 'Messages taken over SMTP and LMTP.', ['role']);
const refusals = counter('postcote_smtp_refusals_total', 'Commands answered 4xx or 5xx.', ['role', 'verb']);

type CloseReason = 'quit' | 'lost' | 'timeout' | 'errors' | 'protocol' | 'shutdown' | 'bug';

/**
 * One client. The package's SMTPConnection keeps who and where the client is (HELO, XCLIENT, protocol names); lines, data,
 * replies, commands and TLS are ours: docs/decisions/0005-smtp-server.md.
 */
export class SmtpSession extends SMTPConnection {
  readonly connection: Connection;
  readonly input: Input;
  readonly role: Role;
  readonly settings: SmtpSettings;
  readonly deps: SmtpDeps;
  readonly shared: SmtpShared;
  login: Account | null = null;
  transaction: Transaction | null = null;
  /** Messages taken. */
  accepted = 0;
  #recipients = 0;
  #errors = 0;
  #junk = 0;
  #ended: CloseReason | null = null;
  #stopping = false;
  /** A command is being answered. */
  #running = false;
  #remoteName: Promise<RemoteName> | null = null;
  #trusted: boolean;

  constructor(connection: Connection, role: Role, settings: SmtpSettings, deps: SmtpDeps, shared: SmtpShared) {
    // The package reads the addresses from its options and never touches the socket again: all its input and output is overridden.
    super(shared.host, connection as unknown as Socket, connection);
    this.connection = connection;
    this.input = new Input(connection);
    this.role = role;
    this.settings = settings;
    this.deps = deps;
    this.shared = shared;
    this.secure = connection.secure;
    this.session.secure = connection.secure;
    this.#trusted = shared.policy.isTrusted(connection.remoteAddress);
  }

  /** EHLO or LHLO: parameters to MAIL and RCPT are allowed. */
  get isExtended(): boolean {
    return this.openingCommand === 'EHLO' || this.openingCommand === 'LHLO';
  }

  get helo(): string {
    return this.hostNameAppearsAs === false ? '' : this.hostNameAppearsAs;
  }

  /** From mynetworks. */
  get trusted(): boolean {
    return this.#trusted;
  }

  /** XCLIENT. */
  get maySpeakForOthers(): boolean {
    return !this._xClient.has('ADDR') && this.shared.xclientHosts.includes(this._originalRemoteAddress);
  }

  get authContext(): AuthContext {
    const { secure, channelBinding } = this.connection;
    return { service: 'smtp', remoteAddress: this.remoteAddress, secure, ...(channelBinding === undefined ? {} : { channelBinding }) };
  }

  /** SASL mechanisms the client may use now. */
  mechanisms(): readonly string[] {
    return this.role.offersAuth ? this.deps.authenticator.mechanisms(this.authContext) : [];
  }

  /** What the client is called; asked of DNS once. */
  remoteName(): Promise<RemoteName> {
    this.#remoteName ??= remoteName(this.remoteAddress, this.deps.dns);
    return this.#remoteName;
  }

  async subject(forwardPath: Address | null, expansion: Expansion | null, earlyTalker: boolean): Promise<Subject> {
    const { verified, reverse } = await this.remoteName();
    return {
      session: this.id,
      remoteAddress: this.remoteAddress,
      remoteName: verified,
      reverseName: reverse,
      trusted: this.#trusted,
      login: this.login,
      secure: this.connection.secure,
      helo: this.helo,
      reversePath: this.transaction?.reversePath ?? null,
      forwardPath,
      expansion,
      recipients: (this.transaction?.forwardPaths.length ?? 0) + 1,
      earlyTalker,
    };
  }

  /** This hop, for Received. RFC 3848, RFC 6531 4.3 */
  async hopOf(transaction: Transaction): Promise<Hop> {
    const { verified } = await this.remoteName();
    const type = this._transmissionType();
    const { tls } = this.connection;
    const utf8 = transaction.options.smtputf8;
    return {
      session: this.id,
      helo: this.helo,
      remoteAddress: this.remoteAddress,
      remoteName: verified,
      protocol: utf8 ? `UTF8${type.replace(/^E/, '')}` : type,
      tls: tls === null ? null : `${tls.protocol} ${tls.cipher}`,
      login: this.login?.address ?? null,
      submission: this.login !== null || (this.#trusted && !this.role.finalDelivery),
      replyPerRecipient: this.role.finalDelivery,
    };
  }

  /** Who the client is from now on; null: nobody. RFC 4954 4 */
  authenticated(account: Account | null): void {
    this.login = account;
    this.session.user = account?.address ?? false;
  }

  /** What a client hears that did not say who it is. RFC 5321 4.1.4 */
  greetingMissing(): Reply | null {
    if (this.helo !== '' || !this.settings.heloRequired) return null;
    return { code: 503, detail: '5.1', text: `Error: send ${this.role.greetings.join('/')} first` };
  }

  reply(reply: Reply): void {
    this.connection.write(formatReply(reply));
  }

  /** Greets and serves until the client leaves; never rejects. */
  async run(): Promise<void> {
    const started = this.deps.clock.now();
    sessions.add(1, this.role.name);
    try {
      if (this.shared.rates.count(this.remoteAddress, 'connections')) this._sendGreeting();
      else
        this.goodbye('errors', {
          code: 421,
          detail: '7.0',
          text: `${this.settings.hostname} Error: too many connections from ${this.remoteAddress}`,
        });
      while (this.#ended === null) {
        const line = await this.input.line(this.settings.lineLengthLimit, this.settings.timeout);
        if (line === null) this.#ended ??= 'lost';
        else await this.#serve(line);
        await this.connection.drain();
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      await this.transaction?.receiver?.abort();
      this.connection.end();
      this.#tell(started);
    }
  }

  /** Says `reply` and ends the session. */
  goodbye(reason: CloseReason, reply: Reply): void {
    this.reply(reply);
    this.#ended = reason;
  }

  /** The client is gone, or there is nothing more to say to it. */
  lost(): void {
    this.#ended ??= 'lost';
  }

  /** Shutdown: a client that waits for nothing is told at once, another one after its reply. */
  stop(): void {
    this.#stopping = true;
    if (!this.#running) this.#shutDown();
  }

  /** Back to after HELO. RFC 5321 4.1.1.5 */
  dropTransaction(): void {
    void this.transaction?.receiver?.abort();
    this.transaction = null;
  }

  /** TLS is on: nothing the client said before counts. RFC 3207 4.2 */
  secured(): void {
    this.dropTransaction();
    this.openingCommand = false;
    this.hostNameAppearsAs = false;
    this.authenticated(null);
    this.secure = true;
    this.session.secure = true;
  }

  /**
   * Ends a message that comes in drop by drop: 500 octets a second, after one timeout's grace.
   * @throws Fault timedOut
   */
  mustKeepUp(started: number, octets: number): void {
    if (performance.now() - started > this.settings.timeout + octets * 2) throw new Fault('timedOut', 'too slow');
  }

  /** After mail was taken. */
  delivered(recipients: number): void {
    taken.add(1, this.role.name);
    this.accepted++;
    this.#recipients += recipients;
    this.#junk = 0;
  }

  override _sendGreeting(): void {
    const { hostname, banner } = this.settings;
    const text = banner.replaceAll('$myhostname', hostname);
    const line = this.role.protocol === 'LMTP' ? text.replace(/\bESMTP\b/, 'LMTP') : text;
    // The greeting begins with the host name. RFC 5321 4.2
    this.reply({ code: 220, detail: '', text: line.startsWith(hostname) ? line : `${hostname} ${line}` });
  }

  /** The package's own replies (XCLIENT), on our wire. */
  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    const detail = this._getEnhancedStatusCode(code, context).slice(2);
    this.reply({ code, detail, text: data ?? '' });
  }

  override close(): void {
    this.#ended ??= 'protocol';
  }

  /** No stream parser: `input.ts` and `grammar/data.ts`. Called by the package's constructor. */
  override _createParser(): never {
    return false as never;
  }

  override emitConnection(): void {}

  /** XCLIENT changed who the client is. */
  forwarded(): void {
    this.#trusted = this.shared.policy.isTrusted(this.remoteAddress);
    this.#remoteName = null;
    this.transaction = null;
    const name = this.clientHostname;
    if (name !== false && !name.startsWith('[')) this.#remoteName = Promise.resolve({ verified: name, reverse: name });
  }

  async #serve(line: Buffer | LineDefect): Promise<void> {
    if (this.#stopping) {
      this.#shutDown();
      return;
    }
    this.#running = true;
    try {
      const reply = await this.#answer(line);
      if (reply === null) return;
      if (reply.code >= 400 && !(reply.code === 452 && reply.detail === '5.3')) await this.#mistake();
      this.reply(reply);
      if (reply.code === 421) this.#ended ??= 'protocol';
    } finally {
      this.#running = false;
    }
    const { hostname, hardErrorLimit } = this.settings;
    if (this.#ended !== null) return;
    if (this.#errors >= hardErrorLimit) this.goodbye('errors', { code: 421, detail: '7.0', text: `${hostname} Error: too many errors` });
    else if (this.#stopping) this.#shutDown();
  }

  async #answer(line: Buffer | LineDefect): Promise<Reply | null> {
    if (typeof line === 'string') return this.#defect(line);
    if (line.includes(0)) return { code: 500, detail: '5.2', text: 'Error: bad syntax' };
    const text = commandText(line);
    if (text === null) return { code: 500, detail: '5.2', text: 'Error: bad UTF-8 syntax' };
    const parts = /^([A-Za-z]+)(?:[ \t]+(.*))?$/s.exec(text.trimEnd());
    const verb = parts?.[1]?.toUpperCase() ?? '';
    // A web browser that was lured here. Postfix's smtpd_forbidden_commands
    if (verb === 'GET' || verb === 'POST' || verb === 'CONNECT') {
      this.goodbye('protocol', { code: 221, detail: '7.0', text: 'Error: I can break rules, too. Goodbye.' });
      return null;
    }
    const command = commands.get(verb);
    if (command === undefined) return smtpReplies.unknownCommand;
    const unmet = command.needsGreeting === true ? this.greetingMissing() : null;
    if (unmet !== null) return unmet;
    if (command.isJunk === true && ++this.#junk > this.settings.junkCommandLimit) this.#errors++;
    let reply: Reply | null;
    try {
      reply = await command.run(parts?.[2]?.trim() ?? '', this);
    } catch (error) {
      if (error instanceof Fault && error.kind === 'timedOut') throw error;
      reply = faultReply(error) ?? this.bug(error);
    }
    if (reply !== null && reply.code >= 400) refusals.add(1, this.role.name, verb);
    return reply;
  }

  #defect(defect: LineDefect): Reply | null {
    if (defect === 'tooLong') return { code: 500, detail: '5.2', text: 'Error: line too long' };
    const octet = defect === 'bareLf' ? 'LF' : 'CR';
    this.goodbye('protocol', { code: 521, detail: '5.2', text: `${this.settings.hostname} Error: bare <${octet}> received` });
    return null;
  }

  /** Slows down a client that makes many. Postfix's smtpd_error_sleep_time */
  async #mistake(): Promise<void> {
    const { softErrorLimit, errorSleepTime } = this.settings;
    if (++this.#errors > softErrorLimit && errorSleepTime > 0) await sleep(errorSleepTime, undefined, { ref: false });
  }

  #shutDown(): void {
    this.goodbye('shutdown', { code: 421, detail: '3.2', text: `${this.settings.hostname} Service shutting down` });
    this.connection.end();
  }

  #failed(error: unknown): void {
    const { hostname } = this.settings;
    if (!(error instanceof Fault)) {
      this.goodbye('bug', this.bug(error, 421));
    } else if (error.kind === 'timedOut') {
      this.goodbye('timeout', { code: 421, detail: '4.2', text: `${hostname} Error: timeout exceeded` });
    } else if (error.kind === 'tooBig') {
      this.goodbye('protocol', { code: 421, detail: '5.2', text: `${hostname} Error: line too long` });
    } else this.#ended ??= 'lost';
  }

  /** Logs what nobody expected. @returns what the client hears */
  bug(error: unknown, code = 451): Reply & { readonly text: string } {
    bugs.add(1, 'smtp');
    this.deps.log.error({ session: this.id, err: error }, 'bug in an SMTP session');
    return { code, detail: '3.0', text: 'Error: internal error' };
  }

  #tell(started: number): void {
    const { connection, role } = this;
    this.deps.log.info(
      {
        session: this.id,
        role: role.name,
        address: this.remoteAddress,
        port: this.remotePort,
        helo: this.helo,
        tls: connection.tls?.protocol ?? null,
        login: this.login?.address ?? null,
        messages: this.accepted,
        recipients: this.#recipients,
        errors: this.#errors,
        octets_in: connection.bytesRead,
        octets_out: connection.bytesWritten,
        ms: this.deps.clock.now() - started,
        reason: this.#ended ?? 'lost',
      },
      'session',
    );
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function commandText(line: Buffer): string | null {
  if (isAscii(line)) return line.toString('latin1');
  try {
    return utf8.decode(line);
  } catch {
    return null;
  }
}
