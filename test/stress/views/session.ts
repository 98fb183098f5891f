import { setTimeout as sleep } from 'node:timers/promises';
import type { ImapClient } from '../../support/imap.ts';
import { crowd } from '../../support/time.ts';
import { fetched, numbers, type Told, ToldView } from './told.ts';
import { type Box, flagText, type Truth } from './truth.ts';

/** What a client switches on. */
export interface Kind {
  readonly condstore: boolean;
  readonly qresync: boolean;
  readonly uidOnly: boolean;
  readonly notify: boolean;
  readonly rev2: boolean;
}

/** What a client keeps of a mailbox to come back with. RFC 7162 3.2.5 */
export interface Cache {
  readonly box: Box;
  readonly uidValidity: number;
  readonly modSeq: number;
  readonly flags: ReadonlyMap<number, string | null>;
}

interface Running {
  readonly tag: string;
  readonly name: string;
  /** Message numbers may shift while it runs. RFC 9051 7.5.1 */
  readonly mayShift: boolean;
  readonly lines: string[];
  readonly settle: (answer: string) => void;
}

/** One client: does one thing after the other, and follows what it is told. */
export class Session {
  readonly index: number;
  readonly kind: Kind;
  box: Box | null = null;
  view: ToldView | null = null;
  readOnly = false;
  /** Up to here it was told everything. */
  modSeq = 0;
  uidValidity = 0;
  caches: Cache[] = [];
  /** By NOTIFY: mailboxes there are, and what was told of those not selected. */
  readonly names = new Set<string>();
  readonly statuses = new Map<string, number>();
  idling: Promise<string> | null = null;
  bye = false;
  /** The last command was one that tells everything; null: none since this was set. */
  heardAll: boolean | null = null;
  readonly #truth: Truth;
  readonly #client: ImapClient;
  #running: Running | null = null;
  #asked: (() => void) | null = null;
  #failure: Error | null = null;
  #tag = 0;
  #seen = 0;
  /** EXISTS of a SELECT that goes on from a cache. */
  #announced: number | null = null;

  private constructor(index: number, kind: Kind, truth: Truth, client: ImapClient) {
    this.index = index;
    this.kind = kind;
    this.#truth = truth;
    this.#client = client;
  }

  static async open(index: number, kind: Kind, truth: Truth, client: ImapClient, user: string): Promise<Session> {
    const session = new Session(index, kind, truth, client);
    await client.line();
    void session.#pump();
    await session.ok(`LOGIN ${user} secret`);
    const enabled = [kind.condstore && 'CONDSTORE', kind.qresync && 'QRESYNC', kind.uidOnly && 'UIDONLY', kind.rev2 && 'IMAP4rev2'];
    if (enabled.some(Boolean)) await session.ok(`ENABLE ${enabled.filter(Boolean).join(' ')}`);
    if (!kind.notify) return session;
    await session.ok('LIST "" *');
    await session.ok(
      'NOTIFY SET STATUS (SELECTED (MessageNew MessageExpunge FlagChange)) (PERSONAL (MessageNew MessageExpunge FlagChange MailboxName))',
    );
    return session;
  }

  /** Whether message numbers may be used: not where they may shift before the server has read them. */
  get mayNumber(): boolean {
    return !this.kind.uidOnly && !this.kind.notify;
  }

  close(): void {
    this.#client.close();
  }

  tell(text: string): void {
    this.#truth.story.push(`${this.index} ${text}`);
  }

  /** Sends a command. @returns the tagged answer without its tag; '' where the connection ended */
  async command(text: string, lines: string[] = []): Promise<string> {
    const answer = await this.#send(text, lines);
    if (this.#failure !== null) throw this.#failure;
    return answer;
  }

  async ok(text: string): Promise<string[]> {
    const lines: string[] = [];
    const answer = await this.command(text, lines);
    if (!answer.startsWith('OK')) throw new Error(`${this.index} ${text}: ${answer}`);
    return lines;
  }

  async idle(): Promise<void> {
    const asked = new Promise<void>((resolve) => {
      this.#asked = resolve;
    });
    this.idling = this.#send('IDLE', []);
    await Promise.race([asked, this.idling]);
  }

  async done(): Promise<void> {
    if (this.idling === null) return;
    this.tell('C: DONE');
    this.#client.send('DONE\r\n');
    const answer = await this.idling;
    this.idling = null;
    if (this.#failure !== null) throw this.#failure;
    if (!answer.startsWith('OK') && !this.bye) throw new Error(`${this.index} IDLE: ${answer}`);
  }

  async #send(text: string, lines: string[]): Promise<string> {
    const tag = `${this.index}.${++this.#tag}`;
    this.tell(`C: ${tag} ${text}`);
    const [, name = ''] = /^((?:UID )?\S+)/.exec(text) ?? [];
    const answered = new Promise<string>((settle) => {
      this.#running = { tag, name, mayShift: !/^(?:FETCH|STORE|SEARCH)$/.test(name), lines, settle };
    });
    this.#client.send(`${tag} ${text}\r\n`);
    const late = name === 'IDLE' ? answered : Promise.race([answered, sleep(60_000, 'late', { ref: false })]);
    const answer = await late;
    if (answer === 'late') throw new Error(`${this.index} ${text}: no answer in a minute`);
    return answer;
  }

  async #pump(): Promise<void> {
    for (;;) {
      const line = await this.#client.line();
      if (line === '') break;
      this.tell(`S: ${line}`);
      try {
        this.#take(line);
      } catch (error) {
        this.#failure ??= new Error(`session ${this.index}, ${this.#running?.name ?? 'between commands'}: ${(error as Error).message}`);
      }
    }
    this.#running?.settle('');
    this.#running = null;
  }

  #take(line: string): void {
    if (line.startsWith('+')) this.#asked?.();
    else if (line.startsWith('* ')) this.#untagged(line);
    else if (this.#running !== null && line.startsWith(`${this.#running.tag} `)) {
      const answer = line.slice(this.#running.tag.length + 1);
      this.#announce();
      const highest = /^OK \[HIGHESTMODSEQ (\d+)\]/.exec(answer)?.[1];
      if (highest !== undefined) this.#resetModSeq(Number(highest));
      else this.modSeq = Math.max(this.modSeq, this.#seen);
      this.#seen = 0;
      const { settle } = this.#running;
      this.heardAll = this.#running.mayShift && answer.startsWith('OK');
      this.#running = null;
      settle(answer);
    } else throw new Error(`an answer to nothing: ${line}`);
  }

  #resetModSeq(modSeq: number): void {
    this.modSeq = modSeq;
    this.#seen = 0;
  }

  #untagged(line: string): void {
    const running = this.#running;
    running?.lines.push(line);
    const status = /^\* (OK|NO|BAD|BYE)\b(?: \[(\S+?)(?: ([^\]]*))?\])?/.exec(line);
    if (status !== null) {
      const [, word, code, value] = status;
      if (word === 'BYE') this.bye = true;
      else if (word !== 'OK') throw new Error(line);
      if (code === 'HIGHESTMODSEQ') this.#resetModSeq(Number(value));
      if (code === 'UIDVALIDITY') this.#valid(Number(value));
      return;
    }
    if (running === null && !this.kind.notify) throw new Error(`nobody asked: ${line}`);
    const list = /^\* LIST \(([^)]*)\) "\/" (\S+)(?: \("OLDNAME" \((\S+)\)\))?$/.exec(line);
    if (list !== null) this.#listed(list[1]!, list[2]!, list[3]);
    const told = /^\* STATUS (\S+) \(MESSAGES (\d+)/.exec(line);
    if (told !== null) this.statuses.set(told[1]!, Number(told[2]));
    const view = this.view;
    if (view === null) {
      if (/^\* (?:\d|VANISHED)/.test(line)) throw new Error(`nothing is selected: ${line}`);
      return;
    }
    const flags = /^\* FLAGS \((.*)\)$/.exec(line)?.[1];
    if (flags !== undefined) view.keywords = new Set(flags.split(' ').filter((flag) => !flag.startsWith('\\')));
    const [, number, word] = /^\* (\d+) (EXISTS|EXPUNGE|RECENT)$/.exec(line) ?? [];
    const byUid = this.kind.qresync || this.kind.uidOnly;
    if (word === 'EXISTS' && this.caches.length > 0 && this.#resuming) this.#announced = Number(number);
    else if (word === 'EXISTS') view.exists(Number(number));
    else if (word === 'RECENT') {
      if (Number(number) > (this.#announced ?? view.messages.length)) throw new Error(`${line} of ${view.messages.length}`);
    } else if (word === 'EXPUNGE') {
      if (running?.mayShift === false || byUid) throw new Error(line);
      view.expunge(Number(number));
    }
    const vanished = /^\* VANISHED (\(EARLIER\) )?(\S+)$/.exec(line);
    if (vanished !== null) {
      const isEarlier = vanished[1] !== undefined;
      if (!byUid || (!isEarlier && running?.mayShift === false)) throw new Error(line);
      view.vanish(numbers(vanished[2]!), isEarlier, this.kind.uidOnly);
    }
    const fetch = fetched(line);
    if (fetch === null) return;
    if ((fetch.n === 0) !== this.kind.uidOnly) throw new Error(line);
    this.#announce();
    const { uid } = view.fetch(fetch);
    if (fetch.modSeq !== null) this.#seen = Math.max(this.#seen, fetch.modSeq);
    const message = this.box?.messages.get(uid ?? 0);
    if (fetch.text !== null && message !== undefined && message.text !== fetch.text)
      throw new Error(`UID ${uid} is ${message.text}: ${line}`);
  }

  #listed(attributes: string, name: string, before: string | undefined): void {
    if (/NonExistent/i.test(attributes)) {
      this.names.delete(name);
      this.statuses.delete(name);
      return;
    }
    this.names.add(name);
    if (before === undefined) return;
    this.names.delete(before);
    const status = this.statuses.get(before);
    this.statuses.delete(before);
    if (status !== undefined) this.statuses.set(name, status);
  }

  #resuming = false;

  #valid(uidValidity: number): void {
    // Other UIDs: what was kept says nothing.
    if (this.#resuming && uidValidity !== this.uidValidity && this.view !== null) this.view.messages = [];
    this.uidValidity = uidValidity;
  }

  /** What vanished is told: now the count is right. */
  #announce(): void {
    if (this.#announced === null) return;
    const count = this.#announced;
    this.#announced = null;
    this.view?.exists(count);
  }

  /** Selects it, from what was kept of it where there is something. */
  async select(box: Box, readOnly: boolean, cache: Cache | null): Promise<void> {
    // Where nothing says which of them is meant, what is told between two mailboxes.
    if (this.kind.notify && this.box !== null) await this.ok('UNSELECT');
    this.leave();
    this.statuses.delete(box.name);
    this.box = box;
    this.readOnly = readOnly;
    this.view = new ToldView();
    this.#resuming = cache !== null;
    this.modSeq = 0;
    if (cache !== null) {
      this.uidValidity = cache.uidValidity;
      this.view.messages = [...cache.flags].map(([uid, flags]): Told => ({ uid, flags, modSeq: 0 })).sort((a, b) => a.uid! - b.uid!);
      for (const flags of cache.flags.values()) for (const flag of flags?.split(' ') ?? []) this.view.keywords.add(flag);
    }
    const parameters = cache === null ? '' : ` (QRESYNC (${cache.uidValidity} ${cache.modSeq}))`;
    const answer = await this.command(`${readOnly ? 'EXAMINE' : 'SELECT'} ${box.name}${parameters}`);
    this.#resuming = false;
    if (!answer.startsWith(readOnly ? 'OK [READ-ONLY]' : 'OK [READ-WRITE]')) throw new Error(`SELECT: ${answer}`);
  }

  leave(): void {
    // What it has seen itself, unless it was told more at the end.
    if (this.kind.notify && this.box !== null && !this.box.isGone && !this.statuses.has(this.box.name))
      this.statuses.set(this.box.name, this.view!.messages.length);
    this.box = null;
    this.view = null;
  }

  /** Hears the UIDs of all that it knows by number only. */
  async learn(): Promise<ToldView> {
    while (!this.view!.knowsAll) await this.ok(this.mayNumber ? 'FETCH 1:* (UID)' : 'UID FETCH 1:* (FLAGS)');
    return this.view!;
  }

  /** Keeps what it knows, to come back with. */
  keep(): void {
    const { box, view, modSeq } = this;
    if (!this.kind.qresync || this.kind.notify || box === null || view === null || !view.knowsAll || modSeq === 0) return;
    const flags = new Map(view.messages.map((one) => [one.uid!, one.flags]));
    this.caches = [...this.caches.slice(-7), { box, uidValidity: this.uidValidity, modSeq, flags }];
  }

  /** What it believes and what is there. @param whole it has been told of all that is gone. @returns what differs */
  difference(whole: boolean): string | null {
    const { box, view } = this;
    if (box === null || view === null || !box.isSettled) return null;
    const there = box.uids();
    if (!whole && !view.knowsAll) return null;
    const shown = view.messages.filter(({ uid }) => whole || box.messages.has(uid!));
    const says = (list: readonly (number | null)[]): string => list.map((uid) => uid ?? '?').join(' ');
    const uids = shown.map(({ uid }) => uid);
    // Where there are no numbers, nobody says at which place a new message is.
    const fits = (uid: number | null, i: number): boolean =>
      uid === null || (this.kind.uidOnly && !view.knowsAll ? box.messages.has(uid) : uid === there[i]);
    if (shown.length !== there.length || !uids.every(fits))
      return `session ${this.index} sees ${says(uids)} in ${box.name}, there are ${says(there)}`;
    for (const [i, { uid, flags }] of shown.entries()) {
      if (flags === null) continue;
      const wanted = flagText(box.messages.get(uid ?? there[i]!)!.flags);
      if (flags !== wanted) return `session ${this.index} sees UID ${uid ?? there[i]} as (${flags}), it is (${wanted})`;
    }
    return null;
  }

  /** After a command: all that may be told is told. */
  mustAgree(whole: boolean): void {
    const found = this.difference(whole);
    if (found !== null) throw new Error(found);
  }

  /** Hears without asking. */
  async hears(): Promise<void> {
    const wanted = (): string | null => {
      if (this.#failure !== null) throw this.#failure;
      if (this.box?.isGone) return this.bye ? null : `session ${this.index} was not told that its mailbox is gone`;
      const found = this.difference(true);
      if (found !== null || !this.kind.notify) return found;
      for (const box of this.#truth.boxes) {
        if (!this.names.has(box.name)) return `session ${this.index} was not told of ${box.name}`;
        const status = this.statuses.get(box.name);
        if (box !== this.box && box.isSettled && status !== undefined && status !== box.messages.size)
          return `session ${this.index} was told of ${status} messages in ${box.name}, there are ${box.messages.size}`;
      }
      return null;
    };
    let found = wanted();
    for (const end = performance.now() + 5000 * crowd(); found !== null && performance.now() < end; found = wanted()) await sleep(5);
    if (found !== null) throw new Error(`${found}, after waiting`);
  }
}
