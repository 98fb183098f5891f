import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type Response, type Value, values } from './response.ts';
import { type Message, TrackedView } from './tracked-view.ts';
import type { World } from './world.ts';

/** A command under way. */
export interface Command {
  readonly tag: string;
  readonly text: string;
  readonly name: string;
  /** Messages it names by number. */
  readonly named: readonly Message[];
  /** It changes flags of those. */
  readonly stores: boolean;
  /** What SEARCH and SORT said. */
  found: number[] | null;
  /** Messages there were when `found` came. What comes later was not looked at. RFC 9051 7.4.1 */
  among: number;
  asked: boolean;
  /** Called with the tagged answer, before anything that came after it is looked at. */
  check: (answer: string) => void;
  /** Resolves with the tagged answer. */
  readonly done: Promise<string>;
  readonly settle: (answer: string) => void;
  readonly fail: (error: Error) => void;
}

/** Untagged responses that may bring EXPUNGE only beside these. RFC 9051 7.5.1 */
const forbidsExpunge = /^(?:FETCH|STORE|SEARCH|SORT|THREAD)$/;

/** One connection: sends without waiting, follows what is told, complains of what cannot be. */
export class StressClient {
  readonly index: number;
  readonly session: number;
  view: TrackedView | null = null;
  /** Under way, oldest first. */
  pending: Command[] = [];
  readonly #world: World;
  readonly #socket: Socket;
  #data = '';
  #literals: string[] = [];
  #text = '';
  #skip = 0;
  #tag = 0;
  #greeted!: () => void;
  #closed = false;
  #leaving = false;
  #earlier = false;

  private constructor(world: World, index: number, socket: Socket) {
    this.#world = world;
    this.index = index;
    this.session = ++world.sessions;
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      this.#data += chunk;
      this.#read();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
      for (const command of this.pending.splice(0))
        command.fail(new Error(`${this.name} [${command.text.slice(0, 80)}]: connection closed`));
    });
  }

  get name(): string {
    return `c${this.index}/${this.session}`;
  }

  static async open(world: World, index: number): Promise<StressClient> {
    const socket = connect(world.options.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.setNoDelay(true);
    const client = new StressClient(world, index, socket);
    await new Promise<void>((resolve) => {
      client.#greeted = resolve;
    });
    return client;
  }

  complain(text: string): void {
    this.#world.errors.push(`${this.name} [${this.pending.map((command) => command.text.slice(0, 80)).join(' | ')}]: ${text}`);
  }

  /** Sends one command. `named`: messages it names by number. */
  send(text: string, { literals = [] as readonly string[], named = [] as readonly Message[], stores = false } = {}): Command {
    const tag = `${this.session}.${++this.#tag}`;
    this.#world.commands++;
    let settle!: (answer: string) => void;
    let fail!: (error: Error) => void;
    const done = new Promise<string>((resolve, reject) => {
      settle = resolve;
      fail = reject;
    });
    done.catch(() => {});
    const name = text.replace(/^UID /, '').split(' ', 1)[0]!;
    const command: Command = {
      tag,
      text,
      name: text.startsWith('UID ') ? `UID ${name}` : name,
      named,
      stores,
      found: null,
      among: 0,
      asked: false,
      check: () => {},
      done,
      settle,
      fail,
    };
    for (const message of named) message.named++;
    if (stores) {
      for (const message of named) {
        message.stores++;
        message.told = false;
      }
    }
    if (this.#closed) {
      fail(new Error(`${this.name}: closed`));
      return command;
    }
    if (name === 'LOGOUT') this.#leaving = true;
    this.pending.push(command);
    // Literals stand in `text` as NULs.
    let n = 0;
    const line = text.replace(/\0/g, () => {
      const literal = literals[n++]!;
      return `{${literal.length}+}\r\n${literal}`;
    });
    this.#socket.write(`${tag} ${line}\r\n`, 'latin1');
    return command;
  }

  raw(text: string): void {
    this.#socket.write(text);
  }

  /** Waits for the answer; 30 seconds at most. */
  async answer(command: Command): Promise<string> {
    const timer = setTimeout(() => command.fail(new Error(`${this.name} [${command.text.slice(0, 80)}]: no answer in 30 s`)), 30_000);
    try {
      return await command.done;
    } finally {
      clearTimeout(timer);
    }
  }

  command(text: string, options?: { literals?: readonly string[]; named?: readonly Message[]; stores?: boolean }): Promise<string> {
    return this.answer(this.send(text, options));
  }

  /** Selects from nothing; a view of an earlier session may be handed back. */
  select(parameters = '', before: TrackedView | null = null): Promise<string> {
    this.view = new TrackedView(this.#world, this.session, this.index, (text) => this.complain(text));
    if (before !== null) this.view.resume(before);
    this.#earlier = before !== null;
    return this.command(`SELECT ${this.#world.options.mailbox}${parameters}`);
  }

  end(): void {
    this.#socket.destroy();
  }

  #read(): void {
    for (;;) {
      if (this.#skip > 0) {
        if (this.#data.length < this.#skip) return;
        this.#literals.push(this.#data.slice(0, this.#skip));
        this.#data = this.#data.slice(this.#skip);
        this.#skip = 0;
      }
      const end = this.#data.indexOf('\r\n');
      if (end < 0) return;
      const line = this.#data.slice(0, end);
      this.#data = this.#data.slice(end + 2);
      const literal = /~?\{(\d+)\}$/.exec(line);
      if (literal !== null && !line.startsWith('+')) {
        this.#text += `${line.slice(0, literal.index)}\0`;
        this.#skip = Number(literal[1]);
        if (this.#skip === 0) this.#literals.push('');
        continue;
      }
      const response = { text: this.#text + line, literals: this.#literals };
      this.#text = '';
      this.#literals = [];
      try {
        this.#take(response);
      } catch (error) {
        this.complain(`${(error as Error).message} in ${response.text.slice(0, 200)}`);
      }
    }
  }

  #take(response: Response): void {
    const { text } = response;
    if (text.startsWith('* ')) this.#untagged(response);
    else if (text.startsWith('+')) {
      const waiting = this.pending.find(({ name }) => name === 'IDLE');
      if (waiting === undefined) this.complain(`a continuation nobody asked for: ${text}`);
      else waiting.asked = true;
    } else {
      const [tag, ...rest] = text.split(' ');
      const at = this.pending.findIndex((command) => command.tag === tag);
      if (at !== 0) this.complain(at < 0 ? `an answer to nothing: ${text}` : `answered out of turn: ${text}`);
      if (at < 0) return;
      const [command] = this.pending.splice(at, 1) as [Command];
      for (const message of command.named) {
        message.named--;
        if (command.stores) message.stores--;
      }
      const answer = rest.join(' ');
      const highest = /^OK \[HIGHESTMODSEQ (\d+)\]/.exec(answer);
      if (highest !== null) this.view?.resetModSeq(Number(highest[1]));
      else this.view?.settleModSeq();
      if (command.name === 'SELECT' && this.view !== null) {
        this.view.selecting = false;
        this.view.readWrite = answer.startsWith('OK [READ-WRITE]');
        if (!answer.startsWith('OK')) this.view = null;
      }
      if (answer.startsWith('BAD') || answer.includes('SERVERBUG')) this.complain(`${command.text}: ${answer}`);
      command.check(answer);
      command.settle(answer);
    }
  }

  #untagged(response: Response): void {
    const { text } = response;
    if (this.#greeted !== undefined && this.#tag === 0) {
      if (!text.startsWith('* OK')) this.complain(`greeting: ${text}`);
      this.#greeted();
      return;
    }
    if (/^\* (?:OK|NO|BAD|BYE|PREAUTH)\b/.test(text)) {
      this.#status(text);
      return;
    }
    const [, ...all] = values(response);
    const view = this.view;
    const n = Number(all[0]);
    const kind = String(Number.isInteger(n) ? all[1] : all[0]).toUpperCase();
    const current = this.pending[0];
    if (kind === 'FLAGS') view?.flagList((all[1] as readonly Value[]).map(String));
    else if (kind === 'SEARCH' || kind === 'SORT') {
      if (current?.name !== kind || current.found !== null) this.complain(`${kind} nobody asked for, or twice`);
      else {
        current.found = all.slice(1).map(Number);
        current.among = view?.count ?? 0;
      }
    } else if (kind === 'ESEARCH') {
      // RFC 9051 7.3.4
      const at = all.indexOf('ALL');
      if (current?.name === 'SEARCH') {
        current.found = at < 0 ? [] : numbers(String(all[at + 1]));
        current.among = view?.count ?? 0;
      }
    } else if (kind === 'VANISHED') this.#vanished(all.slice(1));
    else if (!Number.isInteger(n)) return;
    else if (view === null) this.complain(`${text.slice(0, 60)} with no mailbox selected`);
    else if (kind === 'EXISTS') {
      // What was known before came from the cache: the count may be lower until VANISHED is told.
      if (!(view.selecting && this.#earlier)) view.exists(n);
      else this.exists = n;
    } else if (kind === 'RECENT') view.recent = n;
    else if (kind === 'EXPUNGE') {
      if (current !== undefined && forbidsExpunge.test(current.name)) this.complain(`EXPUNGE during ${current.name}`);
      view.expunge(n);
    } else if (kind === 'FETCH') {
      // What vanished earlier was told before. RFC 7162 3.2.5.1
      if (view.selecting && this.#earlier && this.exists > view.count) view.exists(this.exists);
      view.fetched(n, all[2] as readonly Value[]);
    }
  }

  /** EXISTS of a SELECT that goes on from an earlier session. */
  exists = 0;

  #vanished(args: readonly Value[]): void {
    const earlier = Array.isArray(args[0]);
    const current = this.pending[0];
    if (!earlier && current !== undefined && forbidsExpunge.test(current.name)) this.complain(`VANISHED during ${current.name}`);
    this.view?.vanished(numbers(String(args[earlier ? 1 : 0])), earlier);
  }

  #status(text: string): void {
    const [, kind, code = '', rest = ''] = /^\* (\w+) ?(?:\[(\S+?)(?: (.*?))?\])?/s.exec(text)!;
    if (kind === 'BYE' && !this.#leaving) this.complain(text);
    if (kind === 'BAD') this.complain(text);
    const view = this.view;
    if (view === null) return;
    if (code === 'HIGHESTMODSEQ') {
      const now = Number(rest);
      // Later it may be taken back to where everything was told. RFC 7162 3.2.1
      if (now < view.highestModSeq && view.selecting) this.complain(`HIGHESTMODSEQ went from ${view.highestModSeq} to ${now}`);
      view.resetModSeq(now);
    } else if (code === 'UIDVALIDITY') {
      view.uidValidity = Number(rest);
      if (this.#world.uidValidity !== 0 && this.#world.uidValidity !== view.uidValidity)
        this.complain(`UIDVALIDITY went from ${this.#world.uidValidity} to ${rest}`);
      this.#world.uidValidity = view.uidValidity;
    } else if (code === 'UIDNEXT') {
      if (view.uidNext > Number(rest)) this.complain(`UIDNEXT went from ${view.uidNext} to ${rest}`);
      view.uidNext = Number(rest);
    } else if (code === 'PERMANENTFLAGS') view.permanentFlags(rest.slice(1, -1).split(' ').filter(Boolean));
  }
}

/** `1:3,7` */
function numbers(set: string): number[] {
  return set.split(',').flatMap((range) => {
    const [from, to = from] = range.split(':').map(Number) as [number, number?];
    return Array.from({ length: to! - from + 1 }, (_, i) => from + i);
  });
}
