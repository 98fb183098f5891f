import { unlinkSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import type { Log } from '../../base/log.ts';
import type { Sliced } from '../../base/slices.ts';
import { isFull, sqliteFault } from '../../db/open.ts';
import { Fault } from '../../mail/fault.ts';
import { type Journal, type JournalStep, openJournal } from '../journal/journal.ts';
import type { Burst, CommandName, Commands, Reply, Request, Told } from '../protocol.ts';
import type { StoreSettings } from '../settings.ts';
import { longRest, surplus } from '../surplus.ts';
import { type AccountWriter, type Operation, StaleIndex, unfinished } from './account-writer.ts';
import { setAcl, setMetadata } from './annotations.ts';
import { append } from './append.ts';
import { readContents, readWanted } from './content.ts';
import { copy, move } from './copy.ts';
import { type Debt, debtOf, type Job, pay, syncPrepared } from './durable.ts';
import { claimRecent, expunge, store } from './flags.ts';
import { found } from './found.ts';
import { Held } from './held.ts';
import { lookThrough } from './look.ts';
import { create, deleteMailbox, rename, setSpecialUse, subscribe } from './mailboxes.ts';
import { mustBeSound } from './mend.ts';
import { adoptFolders, giveUp, isBroken, isKnown, openWriter, setAside } from './open.ts';
import { type Looked, type ScanResult, scanning } from './scan.ts';
import { settle, settleAll } from './settle.ts';

/** Files open at once while a burst is written. */
const burstLimit = 128;
/** Files that wait for their names: a look at the folder that is not urgent comes after them. */
const manyFiles = 250;
/** Milliseconds from a change of flags to the renames that follow it. */
const settleDelay = 300;
/** Milliseconds after a request in which another one may well follow. */
const stillAsked = 100;
/** Milliseconds without changes after which words are put into the search index without pause; before, a slice now and then. */
const wordsDelay = 400;
/** Milliseconds between such slices while somebody reads, who may well want to search. */
const wordsPause = 20;

/** What a full disk must not keep from being done: it needs a little room and gives back more. */
const makesRoom: ReadonlySet<CommandName> = new Set(['expunge', 'store', 'move', 'delete']);

type Kind = 'batch' | 'alone';

/** How a request becomes an operation. Those `alone` find every file where its row says, and share no transaction. */
const operations: {
  readonly [N in CommandName]: {
    readonly kind: Kind;
    readonly make: (writer: AccountWriter, request: Commands[N]['request']) => Operation<Commands[N]['result'] | typeof unfinished>;
  };
} = {
  open: { kind: 'alone', make: (writer) => immediate(() => found(writer)) },
  append: { kind: 'batch', make: append },
  store: { kind: 'batch', make: store },
  expunge: { kind: 'batch', make: expunge },
  copy: { kind: 'batch', make: copy },
  move: { kind: 'batch', make: move },
  claimRecent: { kind: 'batch', make: (writer, { mailbox }) => claimRecent(writer, mailbox) },
  create: { kind: 'alone', make: (writer, { name, specialUse }) => create(writer, name, specialUse) },
  rename: { kind: 'alone', make: (writer, { from, to }) => rename(writer, from, to) },
  delete: { kind: 'alone', make: (writer, { name }) => deleteMailbox(writer, name) },
  subscribe: { kind: 'batch', make: (writer, { name, subscribed }) => subscribe(writer, name, subscribed) },
  setSpecialUse: { kind: 'batch', make: (writer, { name, specialUse }) => setSpecialUse(writer, name, specialUse) },
  setMetadata: { kind: 'batch', make: setMetadata },
  setAcl: { kind: 'batch', make: setAcl },
  scan: { kind: 'alone', make: look },
  mend: { kind: 'alone', make: (writer, { broken }) => immediate(() => mustBeSound(writer, broken)) },
  read: { kind: 'alone', make: (writer, { mailbox, uids }) => immediate(() => readWanted(writer, mailbox, uids)) },
  look: { kind: 'alone', make: (writer, request) => immediate(() => lookThrough(writer, request)) },
  changes: { kind: 'alone', make: (writer, { mailbox, since }) => immediate(() => writer.changes(mailbox, since)) },
  load: { kind: 'alone', make: (writer, { mailbox }) => immediate(() => writer.view(mailbox)) },
  keep: { kind: 'alone', make: (writer, { mailbox }) => immediate(() => writer.keepView(mailbox)) },
};

/** Work with transactions of its own. */
interface Immediate<R> extends Operation<R | typeof unfinished> {
  readonly immediate: true;
}
const immediate = <R>(run: () => R | typeof unfinished): Immediate<R> => ({ durable: false, immediate: true, run });

function look(writer: AccountWriter, { mailbox, missing, unless }: Commands['scan']['request']): Immediate<ScanResult> {
  let took = 0;
  let work: Sliced<Looked> | null = null;
  const begin = (): Sliced<Looked> | Omit<ScanResult, 'took'> => {
    if (mailbox === null) {
      adoptFolders(writer);
      found(writer);
      return { missing: [], unread: false };
    }
    // Whoever asked may have met our own renames, halfway through.
    const known = unless === 'known' ? writer.mailboxes.get(mailbox) : undefined;
    const needless = known !== undefined && isKnown(writer, known);
    const isBusy = unless === 'busy' && writer.messages.dirty(manyFiles).length === manyFiles;
    return needless || isBusy ? { missing, unread: false, needless: true } : scanning(writer, mailbox, new Set(missing));
  };
  return immediate(() => {
    const began = performance.now();
    const begun = work ?? begin();
    if ('next' in begun) work = begun;
    const step = 'next' in begun ? begun.next() : { done: true as const, value: begun };
    took += performance.now() - began;
    return step.done === true ? { took, ...step.value } : unfinished;
  });
}

const leavesNone: ReadonlySet<CommandName> = new Set(['open', 'load', 'keep', 'changes', 'mend', 'read', 'look']);

/** What may leave contents to be read behind the answer. */
const leavesUnread: ReadonlySet<CommandName> = new Set(['append', 'scan']);

/** Whether files are to be renamed or removed after the answer. */
function leavesFiles({ command, request }: Request): boolean {
  if (command === 'append') return (request as Commands['append']['request']).replaces !== null;
  return !leavesNone.has(command);
}

interface Piece extends Job {
  readonly request: Request;
  readonly held: Held;
}

/** What is committed and not answered yet. */
interface Round {
  readonly pieces: readonly Piece[];
  readonly replies: Reply[];
  readonly hints: readonly Burst['hints'][number][];
  readonly debt: Debt;
}

/** Runs the mutations of many accounts: batches what waits, syncs once, answers in a burst. */
export class StoreThread {
  readonly #settings: StoreSettings;
  readonly #log: Log;
  readonly #send: (burst: Told) => void;
  readonly #open = new Map<string, Held>();
  /** One more since surplus was looked for. */
  #opened = false;
  readonly #resting = setInterval(() => this.#between(() => this.#closeSurplus()), longRest / 2).unref();
  #waiting: Request[] = [];
  #timer: NodeJS.Timeout | null = null;
  #wordsTimer: NodeJS.Timeout | null = null;
  #wordsTurn = 0;
  #unreadTurn = 0;
  #lastRequest = 0;
  #lastChange = 0;
  #working: Promise<void> | null = null;
  readonly #putOff: (() => void)[] = [];
  readonly #tried = new WeakSet<Request>();
  /** Requests that have had their turn and are to have another. */
  readonly #begun = new WeakMap<Request, Piece>();
  readonly #journal: Journal | null;
  /** The round before, while it waits for the disk. */
  #finishing: Promise<void> | null = null;

  constructor(settings: StoreSettings, log: Log, send: (burst: Told) => void, count: (step: JournalStep) => void = () => {}) {
    this.#settings = settings;
    this.#log = log;
    this.#send = send;
    this.#journal = openJournal(settings.journal, log, count);
  }

  take(requests: readonly Request[]): void {
    this.#lastRequest = Date.now();
    if (!requests.every(({ command }) => leavesNone.has(command))) this.#lastChange = this.#lastRequest;
    this.#waiting.push(...requests);
  }

  /** Runs all that waits, and what comes meanwhile. */
  work(): Promise<void> {
    this.#working ??= this.#rounds().finally(() => {
      this.#working = null;
    });
    return this.#working;
  }

  async #rounds(): Promise<void> {
    while (this.#waiting.length > 0) {
      const round = await this.#round();
      // So that what comes meanwhile is heard of.
      if (this.#waiting.some((request) => this.#begun.has(request))) await turn();
      // While one round waits for the disk the next one is written.
      await this.#finishing;
      this.#finishing = this.#finish(round).finally(() => {
        this.#finishing = null;
      });
      if (this.#putOff.length > 0) await this.#finishing;
      for (const work of this.#putOff.splice(0)) work();
    }
    if (this.#opened) this.#closeSurplus();
  }

  /** Runs a slice while no round waits for the disk: now, or after the round. */
  #between(work: () => void): void {
    if (this.#working !== null) this.#putOff.push(work);
    else if (this.#finishing !== null) void this.#finishing.then(() => this.#between(work));
    else work();
  }

  async close(): Promise<void> {
    await this.work();
    await this.#finishing;
    // What it found to be done once more.
    if (this.#waiting.length > 0) return this.close();
    clearInterval(this.#resting);
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#wordsTimer !== null) clearTimeout(this.#wordsTimer);
    for (const { writer } of this.#open.values()) {
      try {
        settleAll(writer);
      } catch (error) {
        this.#log.error({ err: error }, 'could not finish file names');
      }
      writer.close();
    }
    this.#open.clear();
    await this.#journal?.close();
  }

  /** Takes from each account what may share a transaction, in order. */
  async #round(): Promise<Round> {
    const pieces: Piece[] = [];
    const replies: Reply[] = [];
    const rest: Request[] = [];
    const stopped = new Set<string>();
    const started = new Set<string>();
    for (const request of this.#waiting) {
      const { home } = request.account;
      const { kind } = operations[request.command];
      if (stopped.has(home) || pieces.length >= burstLimit || (kind === 'alone' && started.has(home))) {
        stopped.add(home);
        rest.push(request);
        continue;
      }
      if (kind === 'alone') stopped.add(home);
      started.add(home);
      const piece = this.#begin(request);
      if ('held' in piece) pieces.push(piece);
      else replies.push(piece);
    }
    this.#waiting = rest;
    // They look for files where the round before may still have to sync them.
    if (pieces.some(({ request }) => operations[request.command].kind === 'alone')) await this.#finishing;
    const byAccount = await this.#run(pieces);
    const hints: Burst['hints'][number][] = [];
    for (const { writer } of byAccount.keys())
      for (const { mailbox, modseq } of writer.takeHints()) hints.push({ account: writer.address, mailbox, modseq });
    const again = pieces.filter((piece) => this.#isWorthAnotherTry(piece));
    for (const piece of again) piece.operation.dispose?.();
    this.#waiting.unshift(...again.map(({ request }) => request));
    // What waited meanwhile goes first.
    const begun = pieces.filter(({ outcome }) => outcome?.value === unfinished);
    for (const piece of begun) this.#begun.set(piece.request, piece);
    this.#waiting.push(...begun.map(({ request }) => request));
    const done = pieces.filter((piece) => !again.includes(piece) && !begun.includes(piece));
    return { pieces: done, replies, hints, debt: debtOf(byAccount) };
  }

  async #finish({ pieces, replies, hints, debt }: Round): Promise<void> {
    await pay(debt, this.#journal, this.#waiting.length === 0, this.#log);
    for (const piece of pieces) replies.push(this.#reply(piece));
    if (replies.length + hints.length > 0) this.#send({ replies, hints });
    for (const { request, held, operation } of pieces) {
      operation.dispose?.();
      // While nobody waits, for the message that may follow.
      if (request.command === 'append' && this.#waiting.length === 0 && this.#open.get(held.writer.home) === held)
        held.writer.spareFile.prepare();
    }
    this.#schedule();
  }

  #begin(request: Request): Piece | Reply {
    try {
      const held = this.#hold(request);
      const begun = this.#begun.get(request);
      // With another index it begins anew.
      if (begun?.held === held) return Object.assign(begun, { outcome: null });
      const { make } = operations[request.command] as { make: (writer: AccountWriter, request: unknown) => Operation };
      return { request, held, operation: make(held.writer, request.request), outcome: null };
    } catch (error) {
      return this.#failure(request.id, sqliteFault(error, request.account.home));
    }
  }

  async #run(pieces: readonly Piece[]): Promise<ReadonlyMap<Held, readonly Piece[]>> {
    const attempt = (piece: Piece, step: () => unknown): void => {
      if (piece.outcome !== null) return;
      try {
        step();
      } catch (error) {
        piece.outcome = { error: sqliteFault(error, piece.held.writer.root) };
      }
    };
    const isAlone = pieces.length === 1 && this.#waiting.length === 0;
    for (const piece of pieces) attempt(piece, () => piece.held.writer.prepare(piece.operation, isAlone));
    await syncPrepared(pieces);
    const byAccount = Map.groupBy(pieces, (piece) => piece.held);
    for (const [{ writer }, own] of byAccount) {
      const ready = own.filter((piece) => piece.outcome === null && !('immediate' in piece.operation));
      if (ready.length > 0) {
        const outcomes = writer.run(ready.map((piece) => piece.operation));
        for (const [i, piece] of ready.entries()) piece.outcome = outcomes[i] ?? null;
      }
      for (const piece of own) {
        attempt(piece, () => {
          piece.outcome = { value: piece.operation.run() };
        });
      }
    }
    return byAccount;
  }

  /** With another index than the one it met, which was replaced or is set aside now; or with room on the disk, made for it. */
  #isWorthAnotherTry({ request, held, outcome }: Piece): boolean {
    const error = outcome?.error;
    if (error instanceof StaleIndex) {
      held.isStale = true;
      return true;
    }
    if (error === undefined) return false;
    const isFirst = !this.#tried.has(request);
    this.#tried.add(request);
    if (error instanceof Fault && error.kind === 'storageFull') return isFirst && makesRoom.has(request.command) && this.#releaseBallast();
    if (!isBroken(error)) return false;
    this.#drop(held, error);
    return isFirst;
  }

  #releaseBallast(): boolean {
    try {
      unlinkSync(this.#settings.ballast);
    } catch {
      return false;
    }
    this.#log.warn({}, `the disk is full: ${this.#settings.ballast} was removed so that mail can be expunged`);
    return true;
  }

  #reply({ request, held, outcome }: Piece): Reply {
    if (outcome === null || outcome.error !== undefined) {
      const error = outcome?.error ?? new Error('no outcome');
      return this.#failure(request.id, error);
    }
    if (leavesFiles(request)) held.unsettled = true;
    if (request.command === 'append' || request.command === 'read') held.unindexed = true;
    if (leavesUnread.has(request.command) && (outcome.value as { unread: boolean }).unread) held.unread = true;
    return { id: request.id, value: outcome.value };
  }

  #failure(id: number, error: unknown): Reply {
    if (error instanceof Fault) return { id, fault: { kind: error.kind, detail: error.detail } };
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }

  #hold({ account, command }: Request): Held {
    let held = this.#open.get(account.home);
    // Batches look for themselves, once they have the index's lock.
    const mustLook = operations[command].kind === 'alone';
    if (held !== undefined && (held.isStale || (mustLook && !held.writer.isCurrent()))) {
      held.writer.close();
      this.#open.delete(account.home);
      held = undefined;
    }
    if (held === undefined) {
      const opened = openWriter(account, this.#settings, this.#log);
      const { writer } = opened;
      const device = this.#journal?.device(writer.root) ?? null;
      writer.journal =
        this.#journal === null || device === null ? null : { journal: this.#journal, device, home: this.#journal.homeOf(writer.home) };
      held = new Held(opened);
      this.#open.set(account.home, held);
      this.#opened = true;
    }
    held.used = Date.now();
    return held;
  }

  /** A damaged index: the next request makes a new one. */
  #drop(held: Held, cause: unknown): void {
    const { writer } = held;
    if (this.#open.get(writer.home) !== held) return;
    this.#open.delete(writer.home);
    try {
      writer.takeLog()?.syncNow();
      giveUp(writer, () => setAside(writer.home, writer.inode, this.#log, cause));
    } catch (error) {
      this.#log.error({ err: error, address: writer.address }, 'could not set the index aside');
    }
    writer.close();
  }

  #schedule(): void {
    this.#scheduleWords(wordsDelay);
    if (this.#timer !== null) return;
    if (![...this.#open.values()].some((held) => held.unsettled || held.unread)) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#between(() => this.#background());
    }, settleDelay);
  }

  /** A slice of what waits behind the answers; requests that came meanwhile go first. */
  #background(): void {
    let more = false;
    // Of one account, the next time of another: while somebody asks for things each slice is waited for.
    const unread = [...this.#open.values()].filter((held) => held.unread && !held.unsettled);
    const reading = unread[this.#unreadTurn++ % Math.max(1, unread.length)];
    for (const held of Array.from(this.#open.values())) {
      try {
        if (held.unsettled) held.unsettled = settle(held.writer);
        else if (held === reading) {
          held.unread = readContents(held.writer);
          held.unindexed = true;
        }
      } catch (error) {
        held.unsettled = held.unread = false;
        if (error instanceof StaleIndex) held.isStale = true;
        else
          this.#log[isFull(error) ? 'warn' : 'error'](
            { err: error, address: held.writer.address },
            'could not bring file names up to date',
          );
        if (isBroken(error)) this.#drop(held, error);
      }
      more ||= held.unsettled || held.unread;
      const hints = held.writer.takeHints().map(({ mailbox, modseq }) => ({ account: held.writer.address, mailbox, modseq }));
      if (hints.length > 0) this.#send({ replies: [], hints });
    }
    if (more) this.#goOn();
    this.#scheduleWords(wordsDelay);
  }

  /** The next slice: at once, or a little later while somebody asks for things, who then waits for fewer slices. */
  #goOn(): void {
    const work = (): void => this.#between(() => this.#background());
    if (Date.now() - this.#lastRequest >= stillAsked) setImmediate(work);
    else
      this.#timer ??= setTimeout(() => {
        this.#timer = null;
        work();
      }, stillAsked / 2);
  }

  #scheduleWords(delay: number): void {
    if (this.#wordsTimer !== null || ![...this.#open.values()].some((held) => held.unindexed)) return;
    this.#wordsTimer = setTimeout(() => {
      this.#wordsTimer = null;
      this.#between(() => this.#indexWords());
    }, delay);
  }

  /** A slice for the search index of one account that has messages to read; the next time another's. */
  #indexWords(): void {
    const waiting = [...this.#open.values()].filter((held) => held.unindexed && !held.unread);
    const held = waiting[this.#wordsTurn++ % Math.max(1, waiting.length)];
    if (held !== undefined) {
      try {
        held.unindexed = held.indexer.slice();
      } catch (error) {
        held.unindexed = false;
        this.#log[isFull(error) ? 'warn' : 'error'](
          { err: error, address: held.writer.address },
          'could not bring the search index up to date',
        );
        if (isBroken(error)) this.#drop(held, error);
      }
    }
    const now = Date.now();
    if (now - this.#lastChange < wordsDelay) this.#scheduleWords(wordsDelay);
    else this.#scheduleWords(now - this.#lastRequest < stillAsked ? wordsPause : 1);
  }

  #closeSurplus(): void {
    this.#opened = false;
    for (const held of surplus([...this.#open.values()], this.#settings.openAccounts, Date.now())) {
      const { writer } = held;
      try {
        settleAll(writer);
      } catch (error) {
        // One account's trouble is not the others': this thread must live.
        if (!(error instanceof StaleIndex))
          this.#log.warn({ err: error, address: writer.address }, 'could not bring file names up to date');
      }
      writer.close();
      this.#open.delete(writer.home);
    }
  }
}
