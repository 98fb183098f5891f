import type { AuthContext, Authenticator } from '../auth/authenticator.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Staged } from '../base/staging.ts';
import type { Account, DirectorySource } from '../directory/directory.ts';
import type { Sharing } from '../directory/sharing.ts';
import { Fault } from '../mail/fault.ts';
import type { CommandWatch } from '../net/command-watch.ts';
import type { Connection } from '../net/connection.ts';
import type { MailStore } from '../store/store.ts';
import { capabilityList } from './capability.ts';
import { type AnyCommand, alreadyAnswered, type No } from './command.ts';
import { commands } from './commands/index.ts';
import { CodedFault, imapFailures } from './faults.ts';
import { Cursor } from './grammar/cursor.ts';
import { formatMailbox } from './grammar/mailbox.ts';
import type { TextPosition } from './message-text.ts';
import type { Notifier } from './notifier.ts';
import { Output } from './output.ts';
import { type Incoming, readCommand } from './reader.ts';
import type { ImapSettings } from './settings.ts';
import { sendUpdates } from './updates.ts';
import { UserMail } from './user-mail.ts';
import type { View } from './view.ts';

/** Commands that may speak of mailboxes of others without naming one. */
const asksAll = /^(?:LIST|LSUB|NOTIFY|ESEARCH)$/;

export type State = 'notAuthenticated' | 'authenticated' | 'selected';

/** Extensions a client switches on. RFC 5161 */
export type Enabled = 'CONDSTORE' | 'QRESYNC' | 'IMAP4REV2' | 'UTF8=ACCEPT' | 'UIDONLY';

export interface ImapDeps {
  readonly store: MailStore;
  /** Both, or there are no mailboxes of others. */
  readonly directory?: Pick<DirectorySource, 'account'>;
  readonly sharing?: Sharing;
  readonly authenticator: Authenticator;
  readonly log: Log;
  readonly clock: Clock;
  /** Looks over commands that take long. */
  readonly watch?: CommandWatch;
  /** Heard of every fault that nobody expected. */
  readonly onBug?: (error: unknown) => void;
}

/** One client from greeting to LOGOUT. Commands run one after the other, in the order they come. */
export class Session {
  readonly connection: Connection;
  readonly settings: ImapSettings;
  readonly deps: ImapDeps;
  readonly out: Output;
  readonly log: Log;
  readonly enabled = new Set<Enabled>();
  account: Account | null = null;
  mail: UserMail | null = null;
  /** The selected mailbox. */
  view: View | null = null;
  /** LOGOUT was answered, or BYE said: read no more. */
  closing = false;
  /** A command is running; IDLE does not count. */
  busy = false;
  #stopping = false;
  #loginTimer: NodeJS.Timeout | undefined;
  /** Where the last partial fetch of a big message stopped. */
  textPosition: TextPosition | null = null;
  /** What the client asked to hear of. */
  notifier: Notifier | null = null;
  /** A response is begun and not ended: nothing may come between. */
  inResponse = false;
  badCommands = 0;
  loginFailures = 0;
  /** Greeting, or UNAUTHENTICATE: from here the time to log in runs. */
  started: number;

  constructor(connection: Connection, settings: ImapSettings, deps: ImapDeps) {
    this.connection = connection;
    this.settings = settings;
    this.deps = deps;
    this.out = new Output(connection);
    this.log = deps.log.child({ session: connection.id, remote: connection.remoteAddress });
    this.started = deps.clock.now();
  }

  get state(): State {
    if (this.mail === null) return 'notAuthenticated';
    return this.view === null ? 'authenticated' : 'selected';
  }

  get authContext(): AuthContext {
    const { secure, channelBinding } = this.connection;
    return {
      service: 'imap',
      remoteAddress: this.connection.remoteAddress,
      secure,
      ...(channelBinding === undefined ? {} : { channelBinding }),
    };
  }

  /** Names and strings on the wire are UTF-8. */
  get utf8(): boolean {
    return this.enabled.has('UTF8=ACCEPT') || this.enabled.has('IMAP4REV2');
  }

  /** Message numbers are out of use. RFC 9586 */
  get uidOnly(): boolean {
    return this.enabled.has('UIDONLY');
  }

  /** How the answer about the message at a place begins. */
  fetchHead(view: View, at: number): string {
    return this.uidOnly ? `* ${view.uids[at]} UIDFETCH (` : `* ${at + 1} FETCH (`;
  }

  get rev2(): boolean {
    return this.enabled.has('IMAP4REV2');
  }

  /** The selected mailbox's mail. Only in the selected state. */
  get selected(): { readonly mail: UserMail; readonly view: View } {
    if (this.mail === null || this.view === null) throw new Fault('badSequence', 'No mailbox selected');
    return { mail: this.mail, view: this.view };
  }

  /** Name as the store has it ↔ name as the client has it. */
  toWire(name: string): string {
    return formatMailbox(this.swapSeparator(name), this.utf8);
  }

  /** The store separates levels by `/`; where the client's separator is `.`, the two change places. */
  swapSeparator(name: string): string {
    if (this.settings.separator === '/') return name;
    return name.replace(/[./]/g, (c) => (c === '.' ? '/' : '.'));
  }

  /** Unicode name from the grammar → the store's. */
  fromWire(name: string): string {
    return this.swapSeparator(name);
  }

  /** As `fromWire`, for a name that is to be made. @throws Fault badName */
  newName(name: string): string {
    const path = this.fromWire(name).replace(/\/$/, '');
    if (path === '' || path.split('/').some((level) => level === '' || level === '.' || level === '..'))
      throw new Fault('badName', 'empty or dots');
    return path;
  }

  /** From login on. */
  async begin(account: Account): Promise<void> {
    const { id, address, home, quota } = account;
    const own = await this.deps.store.open({ id, address, home, quota });
    this.mail = new UserMail(own, { ...this.deps, stagingDir: this.settings.stagingDir });
    this.account = account;
    clearTimeout(this.#loginTimer);
    this.log.info({ address: account.address, tls: this.connection.secure }, 'logged in');
  }

  /** Any command that speaks of mod-sequences switches them on; the client is told where they are. RFC 7162 3.1 */
  enableCondstore(): void {
    if (this.enabled.has('CONDSTORE')) return;
    this.enabled.add('CONDSTORE');
    if (this.view !== null) this.out.untagged(`OK [HIGHESTMODSEQ ${this.view.modSeq}] Highest`);
  }

  unselect(): void {
    this.view = null;
    this.textPosition = null;
  }

  /** Back to where the greeting left us. RFC 8437 */
  forget(): void {
    this.unselect();
    this.notifier?.stop();
    this.notifier = null;
    this.mail?.release();
    this.mail = null;
    this.account = null;
    this.enabled.clear();
  }

  bye(text: string): void {
    if (this.closing) return;
    this.closing = true;
    this.out.untagged(`BYE ${text}`);
    this.out.flush();
    this.connection.end();
  }

  /** From now on the time to log in runs, whatever the client does meanwhile. */
  expectLogin(): void {
    this.started = this.deps.clock.now();
    clearTimeout(this.#loginTimer);
    this.#loginTimer = setTimeout(() => this.bye('Disconnected for inactivity during authentication.'), this.settings.loginTimeout);
  }

  /** Ends the session now or, while a command runs, after it. */
  stop(): void {
    this.#stopping = true;
    if (!this.busy) this.bye('Server is shutting down.');
  }

  async run(): Promise<void> {
    this.expectLogin();
    try {
      this.out.untagged(`OK [CAPABILITY ${capabilityList(this)}] ${this.settings.hostname} ready.`);
      this.out.flush();
      while (!this.closing) {
        const incoming = await this.#next();
        if (incoming === null) break;
        await this.execute(incoming);
        if (this.#stopping) this.bye('Server is shutting down.');
        if (this.badCommands >= this.settings.maxBadCommands) this.bye('Too many invalid commands.');
      }
    } catch (error) {
      if (!(error instanceof Fault)) this.reportBug(error);
    } finally {
      clearTimeout(this.#loginTimer);
      const { address } = this.account ?? { address: null };
      this.forget();
      this.out.flush();
      this.connection.end();
      const { bytesRead, bytesWritten } = this.connection;
      this.log.info({ address, read: bytesRead, written: bytesWritten, duration: this.deps.clock.now() - this.started }, 'session ended');
    }
  }

  async #next(): Promise<Incoming | null> {
    try {
      return await readCommand(this);
    } catch (error) {
      if (!(error instanceof Fault) || error.kind !== 'timedOut') throw error;
      this.bye(this.mail === null ? 'Disconnected for inactivity during authentication.' : 'Disconnected for inactivity.');
      return null;
    }
  }

  /** The command of that name, if it may be used now. @throws Fault unknownCommand, badSequence */
  row(name: string): AnyCommand {
    const row = commands.get(name);
    if (row === undefined) throw new Fault('unknownCommand', name);
    // Where there is a form with UIDs, it is the one to use. RFC 9586 3.1
    if (this.uidOnly && name !== 'EXPUNGE' && commands.has(`UID ${name}`)) throw new CodedFault('syntax', 'UIDREQUIRED', 'message numbers');
    if (row.states.includes(this.state)) return row;
    if (this.mail === null) throw new Fault('badSequence', 'Please log in first');
    throw new Fault('badSequence', row.states.includes('selected') ? 'No mailbox selected' : 'Already logged in');
  }

  /** Runs one command and answers it: the one place where a Fault becomes a reply. */
  async execute({ tag, name, text, at, messages }: Incoming): Promise<void> {
    this.busy = true;
    const answered = name === 'IDLE' ? undefined : this.#watch(tag, name);
    try {
      await this.notifier?.settled();
      const row = this.row(name);
      const line = new Cursor(text, { utf8: this.utf8, maxDepth: this.mail === null ? 16 : 64 });
      line.at = at;
      const args = row.parse(line);
      this.tag = tag;
      this.incoming = messages;
      if (this.mail !== null && (asksAll.test(name) || text.includes('Shared'))) await this.mail.freshen();
      const result = await row.run(args, this);
      if (this.view !== null && row.updates !== 'none' && !this.closing) await sendUpdates(this, row.updates !== 'noExpunge');
      this.#takeBackModSeq();
      await this.notifier?.flush();
      const no = (result as No | undefined)?.no;
      if (result === alreadyAnswered) return;
      if (no !== undefined) this.out.line(`${tag} NO ${no}`);
      else this.out.line(`${tag} OK ${(result as string | undefined) ?? `${name} completed.`}`);
      this.out.flush();
      if (this.ending) this.connection.end();
    } catch (error) {
      await this.#refuse(tag, error);
    } finally {
      answered?.();
      this.busy = false;
      this.incoming = [];
      for (const message of [...messages, ...this.made.splice(0)]) await message.discard();
      this.notifier?.resume();
    }
  }

  /** Of the command that runs. */
  tag = '';
  /** Messages that came with it. */
  incoming: Incoming['messages'] = [];
  /** Messages made while it ran. */
  readonly made: Staged[] = [];
  /** Set by LOGOUT: close once its OK is out. */
  ending = false;

  /**
   * Mod-sequences were told past those of messages that are gone and not told yet: were the client to come back with them, it
   * would never hear of these. RFC 7162 3.2.1
   */
  #takeBackModSeq(): void {
    if (this.view?.hasGone && this.enabled.has('QRESYNC')) this.out.untagged(`OK [HIGHESTMODSEQ ${this.view.toldModSeq}] Up to here.`);
  }

  #watch(tag: string, name: string): (() => void) | undefined {
    return this.deps.watch?.begin({
      name,
      log: this.log,
      connection: this.connection,
      state: () => this.state,
      on: name === 'LOGIN' || name === 'AUTHENTICATE' ? 'auth' : 'store',
      progress: () => this.#stillBusy(tag),
    });
  }

  /** So that nobody takes a long command for a dead server. RFC 9585 */
  #stillBusy(tag: string): void {
    if (this.inResponse || this.closing) return;
    this.out.untagged(`OK [INPROGRESS (${JSON.stringify(tag)} NIL NIL)] Still busy.`);
    this.out.flush();
  }

  async #refuse(tag: string, error: unknown): Promise<void> {
    if (this.connection.destroyed) throw error;
    const fault = error instanceof Fault ? error : new Fault('internal');
    if (fault !== error) this.reportBug(error);
    else this.log.debug({ kind: fault.kind, detail: fault.detail }, 'command refused');
    if (fault.kind === 'internal' && this.connection.destroyed) return;
    // What was told so far stays true; what changed meanwhile may be told, too.
    if (this.view !== null && !this.closing && fault.kind !== 'internal')
      await sendUpdates(this, false).catch((e: unknown) => this.reportBug(e));
    this.#takeBackModSeq();
    this.out.line(failure(tag, fault));
    this.out.flush();
    const { status } = imapFailures[fault.kind];
    if (status === 'BAD') this.badCommands++;
    if (fault.kind === 'badCredentials' && ++this.loginFailures >= this.settings.maxLoginFailures) this.bye('Too many failed logins.');
  }

  reportBug(error: unknown): void {
    if (error instanceof Fault) return;
    this.log.error({ err: error instanceof Error ? error.stack : String(error) }, 'unexpected error');
    this.deps.onBug?.(error);
  }
}

/** The tagged line for a fault. */
export function failure(tag: string, fault: Fault): string {
  const { status, text, showDetail, ...row } = imapFailures[fault.kind];
  const code = fault instanceof CodedFault ? fault.code : row.code;
  const detail = showDetail && fault.detail !== '' ? `: ${fault.detail.replace(/[^\x20-\x7e]/g, '?')}` : '';
  return `${tag} ${status} ${code === null ? '' : `[${code}] `}${text}${detail}`;
}
