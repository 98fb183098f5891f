// Many clients at random on one mailbox, each holding what the server says against what it said before.
import { createHash, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface StressOptions {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly mailbox: string;
  readonly clients: number;
  /** Milliseconds. */
  readonly duration: number;
  /** Messages the mailbox is kept near to. */
  readonly messages?: number;
}

export interface StressResult {
  readonly commands: number;
  readonly errors: readonly string[];
}

/** What all clients learned of a message; it never changes. */
interface Known {
  size: string;
  date: string;
  id: string;
}

type Reply = { readonly text: string; readonly literals: readonly string[] };

class Client {
  readonly #socket: Socket;
  readonly #name: string;
  readonly #world: World;
  #data = '';
  #closed = false;
  #wake: (() => void) | null = null;
  #tag = 0;
  /** UIDs by place, 0 where not known yet. */
  #uids: number[] = [];
  #exists = 0;
  #command = '';

  constructor(socket: Socket, name: string, world: World) {
    this.#socket = socket;
    this.#name = name;
    this.#world = world;
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      this.#data += chunk;
      this.#wake?.();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  #complain(text: string): void {
    this.#world.errors.push(`${this.#name} [${this.#command}]: ${text}`);
  }

  async #more(): Promise<void> {
    if (this.#closed) throw new Error(`${this.#name} [${this.#command}]: connection closed`);
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      this.#wake = resolve;
      timer = setTimeout(() => reject(new Error(`${this.#name} [${this.#command}]: no answer in 30 s`)), 30_000);
    });
    clearTimeout(timer);
    this.#wake = null;
  }

  async #reply(): Promise<Reply> {
    let text = '';
    const literals: string[] = [];
    for (;;) {
      let end = this.#data.indexOf('\r\n');
      while (end < 0) {
        await this.#more();
        end = this.#data.indexOf('\r\n');
      }
      const line = this.#data.slice(0, end);
      this.#data = this.#data.slice(end + 2);
      const literal = /\{(\d+)\}$/.exec(line);
      text += literal === null ? line : line.slice(0, literal.index);
      if (literal === null) return { text, literals };
      const size = Number(literal[1]);
      while (this.#data.length < size) await this.#more();
      literals.push(this.#data.slice(0, size));
      this.#data = this.#data.slice(size);
      text += '\0';
    }
  }

  async greeting(): Promise<void> {
    await this.#reply();
  }

  /** Sends a command, follows the untagged replies, returns the tagged one. */
  async send(text: string, literal?: string): Promise<string> {
    const tag = `${this.#name}.${++this.#tag}`;
    this.#command = text.slice(0, 80);
    this.#world.commands++;
    this.#socket.write(literal === undefined ? `${tag} ${text}\r\n` : `${tag} ${text} {${literal.length}+}\r\n${literal}\r\n`, 'latin1');
    for (;;) {
      const reply = await this.#reply();
      if (reply.text.startsWith(`${tag} `)) {
        const answer = reply.text.slice(tag.length + 1);
        if (answer.startsWith('BAD') || answer.includes('SERVERBUG')) this.#complain(answer);
        return answer;
      }
      this.#untagged(reply, text);
    }
  }

  async idle(milliseconds: number): Promise<void> {
    const tag = `${this.#name}.${++this.#tag}`;
    this.#command = 'IDLE';
    this.#world.commands++;
    this.#socket.write(`${tag} IDLE\r\n`);
    let asked = false;
    const timer = setTimeout(() => {
      this.#socket.write('DONE\r\n');
    }, milliseconds);
    for (;;) {
      const reply = await this.#reply();
      if (reply.text.startsWith(`${tag} `)) break;
      if (reply.text.startsWith('+')) asked = true;
      else this.#untagged(reply, 'IDLE');
    }
    clearTimeout(timer);
    if (!asked) this.#complain('IDLE ended without a continuation');
  }

  async select(): Promise<void> {
    this.#uids = [];
    this.#exists = 0;
    const answer = await this.send(`SELECT ${this.#world.options.mailbox}`);
    if (!answer.startsWith('OK')) this.#complain(answer);
  }

  #untagged({ text, literals }: Reply, command: string): void {
    const count = /^\* (\d+) (EXISTS|EXPUNGE|FETCH|RECENT)(.*)$/s.exec(text);
    if (count === null) return;
    const n = Number(count[1]);
    if (count[2] === 'EXISTS') {
      if (n < this.#exists && !command.startsWith('SELECT')) this.#complain(`EXISTS went from ${this.#exists} to ${n}`);
      this.#exists = n;
      while (this.#uids.length < n) this.#uids.push(0);
      this.#uids.length = n;
    } else if (count[2] === 'EXPUNGE') {
      if (/^(FETCH|STORE|SEARCH)/.test(command)) this.#complain('EXPUNGE during a command that forbids it');
      if (n < 1 || n > this.#exists) this.#complain(`EXPUNGE ${n} of ${this.#exists}`);
      this.#exists--;
      this.#uids.splice(n - 1, 1);
    } else if (count[2] === 'FETCH') {
      if (n < 1 || n > this.#exists) this.#complain(`FETCH ${n} of ${this.#exists}`);
      const uid = Number(/[( ]UID (\d+)/.exec(count[3]!)?.[1] ?? 0);
      if (uid > 0) this.#learn(n, uid, count[3]!, literals);
    }
  }

  #learn(n: number, uid: number, text: string, literals: readonly string[]): void {
    const before = this.#uids[n - 1] ?? 0;
    if (before !== 0 && before !== uid) this.#complain(`message ${n} had UID ${before}, now ${uid}`);
    this.#uids[n - 1] = uid;
    const lower = this.#uids.slice(0, n - 1).findLast((one) => one > 0) ?? 0;
    const upper = this.#uids.slice(n).find((one) => one > 0) ?? Number.POSITIVE_INFINITY;
    if (lower >= uid || upper <= uid) this.#complain(`UID ${uid} at ${n} lies between ${lower} and ${upper}`);
    const size = /RFC822\.SIZE (\d+)/.exec(text)?.[1];
    const date = /INTERNALDATE "([^"]+)"/.exec(text)?.[1];
    if (size === undefined || date === undefined) return;
    const id = createHash('sha1')
      .update(literals[0] ?? '')
      .digest('hex');
    const known = this.#world.known.get(uid);
    if (known === undefined) this.#world.known.set(uid, { size, date, id });
    else if (known.size !== size || known.date !== date || known.id !== id)
      this.#complain(`UID ${uid} changed: ${known.size} ${known.date} → ${size} ${date}`);
  }

  get size(): number {
    return this.#exists;
  }

  #set(): string {
    const a = randomInt(1, this.#exists + 1);
    const b = Math.min(this.#exists, a + randomInt(0, 5));
    return `${a}:${b}`;
  }

  /** One command at random. */
  async act(): Promise<void> {
    const wanted = this.#world.options.messages ?? 40;
    const dice = randomInt(0, 100);
    if (this.#exists === 0 || dice < (this.#exists < wanted ? 20 : 6)) {
      const body = 'x'.repeat(randomInt(0, 3000));
      const message = `From: ${this.#name}@stress.test\r\nMessage-ID: <${this.#name}.${this.#tag}.${randomInt(1 << 30)}@stress.test>\r\nSubject: stress\r\n\r\n${body}\r\n`;
      const flags = randomInt(2) === 0 ? '' : ' (\\Seen $stress)';
      const answer = await this.send(`APPEND ${this.#world.options.mailbox}${flags}`, message);
      if (!/^OK \[APPENDUID \d+ \d+\]/.test(answer)) this.#complain(answer);
    } else if (dice < 35) {
      await this.#check(await this.send(`FETCH ${this.#set()} (UID FLAGS RFC822.SIZE INTERNALDATE BODY.PEEK[])`));
    } else if (dice < 45) {
      await this.#check(await this.send(`UID FETCH 1:* (FLAGS)`));
    } else if (dice < 60) {
      const op = ['+FLAGS', '-FLAGS', 'FLAGS', '+FLAGS.SILENT'][randomInt(4)]!;
      const flag = ['\\Seen', '\\Flagged', '\\Answered', '$one', '$two', '\\Draft'][randomInt(6)]!;
      await this.#check(await this.send(`STORE ${this.#set()} ${op} (${flag})`));
    } else if (dice < 68) {
      await this.#check(await this.send(`STORE ${this.#set()} +FLAGS (\\Deleted)`));
    } else if (dice < 74) {
      const answer = await this.send('EXPUNGE');
      if (!answer.startsWith('OK')) this.#complain(answer);
    } else if (dice < 80) {
      await this.#check(await this.send(`COPY ${this.#set()} ${this.#world.options.mailbox}`));
    } else if (dice < 83) {
      await this.#check(await this.send(`MOVE ${this.#set()} ${this.#world.options.mailbox}`));
    } else if (dice < 88) {
      await this.#check(
        await this.send(['SEARCH UNSEEN', 'SEARCH TEXT stress', 'UID SEARCH ALL', 'SEARCH NOT DELETED FLAGGED'][randomInt(4)]!),
      );
    } else if (dice < 91) {
      await this.#check(await this.send(`STATUS ${this.#world.options.mailbox} (MESSAGES UNSEEN UIDNEXT)`));
    } else if (dice < 94) {
      await this.idle(randomInt(1, 200));
    } else if (dice < 96) {
      await this.select();
    } else {
      await this.#check(await this.send(randomInt(2) === 0 ? 'NOOP' : 'CHECK'));
    }
  }

  /** A message that another client expunged may be refused; nothing else may. */
  async #check(answer: string): Promise<void> {
    if (answer.startsWith('OK') || answer.includes('EXPUNGEISSUED') || /^NO.*(expunged|no longer)/i.test(answer)) return;
    this.#complain(answer);
  }

  /** The mailbox whole, when all is quiet. */
  async finalState(): Promise<string> {
    await this.select();
    await this.send('UID FETCH 1:* (FLAGS)');
    return `${this.#exists} ${this.#uids.join(',')}`;
  }

  end(): void {
    this.#socket.destroy();
  }
}

interface World {
  readonly options: StressOptions;
  readonly known: Map<number, Known>;
  readonly errors: string[];
  commands: number;
}

/** Runs the clients for the time given. */
export async function imapStress(options: StressOptions): Promise<StressResult> {
  const world: World = { options, known: new Map(), errors: [], commands: 0 };
  const open = async (name: string): Promise<Client> => {
    const socket = connect(options.port, '127.0.0.1');
    await once(socket, 'connect');
    const client = new Client(socket, name, world);
    await client.greeting();
    const answer = await client.send(`LOGIN "${options.user}" "${options.password}"`);
    if (!answer.startsWith('OK')) throw new Error(`login: ${answer}`);
    return client;
  };
  const first = await open('first');
  await first.send(`CREATE ${options.mailbox}`);
  const end = Date.now() + options.duration;
  const run = async (n: number): Promise<void> => {
    let client = await open(`c${n}`);
    await client.select();
    while (Date.now() < end && world.errors.length < 50) {
      await client.act();
      if (randomInt(400) === 0) {
        if (randomInt(2) === 0) await client.send('LOGOUT');
        client.end();
        client = await open(`c${n}`);
        await client.select();
      }
    }
    client.end();
  };
  await Promise.all(
    Array.from({ length: options.clients }, (_, n) => run(n).catch((error: unknown) => void world.errors.push(String(error)))),
  );
  await sleep(100);
  try {
    const second = await open('second');
    const [a, b] = [await first.finalState(), await second.finalState()];
    if (a !== b) world.errors.push(`two sessions see different mailboxes: ${a} / ${b}`);
    second.end();
  } catch (error) {
    world.errors.push(String(error));
  }
  first.end();
  return { commands: world.commands, errors: world.errors };
}

if (import.meta.main) {
  const [port, user, password, seconds = '60', clients = '20'] = process.argv.slice(2);
  if (port === undefined || user === undefined || password === undefined) {
    console.error('imap-stress.ts PORT USER PASSWORD [SECONDS] [CLIENTS]');
    process.exit(64);
  }
  const result = await imapStress({
    port: Number(port),
    user,
    password,
    mailbox: 'Stress',
    clients: Number(clients),
    duration: Number(seconds) * 1000,
  });
  console.log(`${result.commands} commands, ${result.errors.length} errors`);
  for (const error of result.errors.slice(0, 20)) console.log(error);
  process.exit(result.errors.length > 0 ? 1 : 0);
}
