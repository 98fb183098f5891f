import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import type { ListenerName } from '../../src/index.ts';

/**
 * A dialogue with the server, as text:
 *
 *     # What it shows. RFC 9051 6.4.6
 *     # use: imap            listener of every connection; the folder's name without it
 *     # use C2: smtp         listener of one connection
 *     # capability: IDLE     skipped where the server does not announce it
 *     # set: smtp.helo_required = false
 *     # workers: 2           only with so many
 *
 *     M: Subject: one        a message that lies in the INBOX of ann@example.com before the dialogue; an empty line ends it
 *     C: a LOGIN x y         the client sends; C1:, C2: where there are several
 *     C+ {5}                 the same without CRLF
 *     C+ a{crlf}b{crlf}      {crlf}, {cr}, {lf}, {nul} stand for these octets
 *     C! tls                 the client's half of the handshake; `close`: closes; `end`: closes its side; `open`: no greeting comes first
 *     S: a OK ...            the server says: `...` is the rest of a line, or within it any text
 *     S: ...                 any lines, up to one that fits the next S line
 *     S: * {n} EXISTS        `{name}` is a word; from then on the same word, for the server and in C lines
 *     S! closed              the server has closed the connection
 *
 * A connection opens at its first line; where that is the client's, the greeting is taken for granted.
 */
export interface Transcript {
  readonly uses: ReadonlyMap<string, ListenerName>;
  readonly capabilities: readonly string[];
  readonly settings: Readonly<Record<string, string>>;
  readonly workers: number | null;
  readonly messages: readonly string[];
  readonly steps: readonly Step[];
}

export interface Step {
  readonly line: number;
  readonly side: 'C' | 'S';
  /** '' or digits. */
  readonly connection: string;
  readonly kind: ':' | '+' | '!';
  readonly text: string;
}

export function parseTranscript(text: string): Transcript {
  const uses = new Map<string, ListenerName>();
  const capabilities: string[] = [];
  const settings: Record<string, string> = {};
  const messages: string[] = [];
  const steps: Step[] = [];
  let workers: number | null = null;
  let message: string | null = null;
  for (const [i, line] of [...text.split('\n'), ''].entries()) {
    if (message !== null && !line.startsWith('M:')) {
      messages.push(message);
      message = null;
    }
    const header = /^# (use(?: C(\d+))?|capability|set|workers): (.*)$/.exec(line);
    if (header !== null) {
      const [, name = '', connection = '', value = ''] = header;
      if (name.startsWith('use')) uses.set(connection, value.trim() as ListenerName);
      else if (name === 'capability') capabilities.push(value.trim());
      else if (name === 'workers') workers = Number(value);
      else {
        const [, key = '', setting = ''] = /^(\S+) *= *(.*)$/.exec(value) ?? [];
        settings[key] = setting;
      }
      continue;
    }
    if (line.trim() === '' || line.startsWith('#')) continue;
    const mail = /^M: ?(.*)$/.exec(line);
    if (mail !== null) {
      message = `${message ?? ''}${mail[1]}\n`;
      continue;
    }
    const step = /^([CS])(\d*)([:+!]) ?(.*)$/.exec(line);
    if (step === null) throw new Error(`line ${i + 1} is no line of a transcript: ${line}`);
    const [, side, connection, kind, words] = step;
    steps.push({ line: i + 1, side: side as 'C' | 'S', connection: connection!, kind: kind as Step['kind'], text: words! });
  }
  return { uses, capabilities, settings, workers, messages, steps };
}

/**
 * The same dialogue with `example.com` named otherwise, in base64 words too, but for the server's own name. A domain of the same
 * length leaves sizes as they are.
 */
export function inDomain(transcript: Transcript, domain: string): Transcript {
  const rename = (text: string): string => text.replace(/(?<!mail\.)example\.com/g, domain);
  const renameCoded = (text: string): string =>
    rename(text).replace(/(?<![\w+/=])[A-Za-z0-9+/]{16,}={0,2}(?![\w+/=])/g, (word) => {
      const plain = Buffer.from(word, 'base64').toString('latin1');
      return plain.includes('example.com') ? Buffer.from(rename(plain), 'latin1').toString('base64') : word;
    });
  return {
    ...transcript,
    messages: transcript.messages.map(rename),
    steps: transcript.steps.map((step) => ({ ...step, text: renameCoded(step.text) })),
  };
}

/** Puts the transcript's messages where a server that starts later finds them. @param home of the account */
export function layOutMessages(messages: readonly string[], home: string): void {
  const dir = join(home, 'Maildir/new');
  mkdirSync(dir, { recursive: true });
  for (const folder of ['cur', 'tmp']) mkdirSync(join(home, 'Maildir', folder), { recursive: true });
  for (const [i, message] of messages.entries()) writeFileSync(join(dir, `170000000${i}.M${i + 1}P1.host`), message, 'latin1');
}

/** Where a dialogue is held. */
export interface Place {
  readonly port: (name: ListenerName) => number;
  readonly listener: ListenerName;
  /** Milliseconds; a bound against hanging. */
  readonly patience?: number;
  /** Makes the n-th connection, counted from 0. */
  readonly open?: (port: number, n: number) => Socket | Promise<Socket>;
}

const connectTo = (port: number): Socket => connect({ port, host: '127.0.0.1', allowHalfOpen: true });

/** Holds the dialogue. @throws Error with the line and what came instead */
export async function runTranscript(
  { uses, steps }: Transcript,
  { port, listener, patience = 20_000, open = connectTo }: Place,
): Promise<void> {
  const clients = new Map<string, Client>();
  const captured = new Map<string, string>();
  try {
    for (const [i, step] of steps.entries()) {
      const where = `line ${step.line}: ${step.side}${step.connection}${step.kind} ${step.text}`;
      let client = clients.get(step.connection);
      if (client === undefined) {
        const name = uses.get(step.connection) ?? uses.get('') ?? listener;
        client = new Client(await open(port(name), clients.size), name.endsWith('s'), patience);
        clients.set(step.connection, client);
        if (step.side === 'C' && step.kind !== '!') await client.greeting(where);
      }
      if (step.side === 'C') await client.act(step, captured, where);
      else if (step.kind === '!') await client.closed(where);
      else if (step.text !== '...') await client.expect(step.text, captured, where);
      else {
        const next = steps.slice(i + 1).find(({ side, connection }) => side === 'S' && connection === step.connection);
        if (next !== undefined && next.kind === ':') await client.skipUntil(next.text, captured, where);
        else client.lenient = true;
      }
    }
    for (const [name, client] of clients) client.checkNothingLeft(name);
  } finally {
    for (const client of clients.values()) client.destroy();
  }
}

class Client {
  #socket: Socket;
  readonly #patience: number;
  #text = '';
  #ended = false;
  #wake: (() => void) | null = null;
  /** The last lines need not have been named. */
  lenient = false;

  constructor(socket: Socket, tls: boolean, patience: number) {
    this.#patience = patience;
    socket.on('error', () => {});
    this.#socket = tls ? tlsConnect({ socket, rejectUnauthorized: false, servername: 'mail.example.com' }) : socket;
    this.#listen();
  }

  async greeting(where: string): Promise<void> {
    let line = await this.#line(where);
    while (/^\d{3}-/.test(line)) line = await this.#line(where);
  }

  async act(step: Step, captured: ReadonlyMap<string, string>, where: string): Promise<void> {
    if (step.kind !== '!') {
      const text = step.text.replace(names, (whole, name: string) => octets[name] ?? captured.get(name) ?? whole);
      this.#socket.write(step.kind === '+' ? text : `${text}\r\n`);
    } else if (step.text === 'tls') await this.#secure(where);
    else if (step.text === 'close') this.#socket.destroy();
    else if (step.text === 'end') this.#socket.end();
    else if (step.text === 'open') return;
    else throw new Error(`${where}: unknown`);
  }

  async expect(pattern: string, captured: Map<string, string>, where: string): Promise<void> {
    const line = await this.#line(where);
    if (!fits(pattern, line, captured)) throw new Error(`${where}\n  came: ${line}`);
  }

  async skipUntil(pattern: string, captured: Map<string, string>, where: string): Promise<void> {
    const skipped: string[] = [];
    for (;;) {
      const line = await this.#line(where, skipped);
      if (fits(pattern, line, captured)) {
        this.#text = `${line}\r\n${this.#text}`;
        return;
      }
      skipped.push(line);
    }
  }

  async closed(where: string): Promise<void> {
    await this.#until(() => this.#ended, where);
    if (this.#text !== '') throw new Error(`${where}\n  came before: ${JSON.stringify(this.#text)}`);
  }

  checkNothingLeft(name: string): void {
    if (this.#text !== '' && !this.lenient) throw new Error(`S${name} said more than the transcript: ${JSON.stringify(this.#text)}`);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #line(where: string, skipped: readonly string[] = []): Promise<string> {
    await this.#until(() => this.#text.includes('\n') || this.#ended, where, skipped);
    const end = this.#text.indexOf('\n');
    if (end === -1) throw new Error(`${where}\n  the server closed the connection${lines([...skipped, this.#text])}`);
    const line = this.#text.slice(0, end).replace(/\r$/, '');
    this.#text = this.#text.slice(end + 1);
    return line;
  }

  async #until(done: () => boolean, where: string, skipped: readonly string[] = []): Promise<void> {
    const deadline = performance.now() + this.#patience;
    while (!done()) {
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`${where}\n  nothing more came${lines([...skipped, this.#text])}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async #secure(where: string): Promise<void> {
    if (this.#text !== '') throw new Error(`${where}\n  came in the clear: ${JSON.stringify(this.#text)}`);
    this.#socket.removeAllListeners();
    const socket = tlsConnect({ socket: this.#socket, rejectUnauthorized: false, servername: 'mail.example.com' });
    this.#socket = socket;
    this.#listen();
    await new Promise<void>((resolve) => {
      socket.once('secureConnect', resolve);
      socket.once('close', resolve);
    });
  }

  #listen(): void {
    const end = (): void => {
      this.#ended = true;
      this.#wake?.();
    };
    this.#socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('utf8');
      this.#wake?.();
    });
    this.#socket.on('error', () => {});
    this.#socket.on('end', end);
    this.#socket.on('close', end);
  }
}

const octets: Readonly<Record<string, string>> = { __proto__: null as never, crlf: '\r\n', cr: '\r', lf: '\n', nul: '\0' };

const lines = (skipped: readonly string[]): string => skipped.map((line) => `\n  came: ${line}`).join('');

/** `{12}` is a literal, `{word}` a capture. */
const names = /\{([a-z]\w*)\}/g;

function fits(pattern: string, line: string, captured: Map<string, string>): boolean {
  const found: string[] = [];
  let expression = '';
  for (const [i, part] of pattern.split(/(\.\.\.|\{[a-z]\w*\})/).entries()) {
    if (i % 2 === 0) expression += escaped(part);
    else if (part === '...') expression += '.*';
    else {
      const name = part.slice(1, -1);
      const known = captured.get(name);
      if (known !== undefined) expression += escaped(known);
      else if (found.includes(name)) expression += `\\k<${name}>`;
      else {
        found.push(name);
        expression += `(?<${name}>[^\\s()\\[\\]<>,;]+)`;
      }
    }
  }
  const match = new RegExp(`^${expression}$`, 's').exec(line);
  if (match === null) return false;
  for (const name of found) captured.set(name, match.groups![name]!);
  return true;
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
