// Many clients on one mailbox, each holding what the server says against what it said before, to it and to the others.
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkpoint, Meeting } from './checkpoint.ts';
import { type Command, StressClient } from './client.ts';
import { randomQuestion } from './search-oracle.ts';
import type { Message, TrackedView } from './tracked-view.ts';
import { type StressOptions, type StressResult, World } from './world.ts';

export type { StressOptions, StressResult } from './world.ts';

const systemFlags = ['\\Seen', '\\Flagged', '\\Answered', '\\Draft'];
const keywords = ['$Label1', '$Label2', '$Label3', '$Label4', '$Label5'];
/** Commands under way in one session. */
const mostPending = 8;

const chance = (percent: number): boolean => randomInt(100) < percent;
const pick = <T>(from: readonly T[]): T => from[randomInt(from.length)]!;

/** What a client does: begins commands, waiting only where the next could not be said otherwise. */
class Actor {
  readonly #world: World;
  readonly #client: StressClient;
  #answers: Promise<void>[] = [];
  /** Commands that may bring EXPUNGE are under way: message numbers cannot be said. */
  #shifting = 0;

  constructor(world: World, client: StressClient) {
    this.#world = world;
    this.#client = client;
  }

  get #view(): TrackedView {
    return this.#client.view!;
  }

  /** Everything is answered. */
  async settled(): Promise<void> {
    while (this.#answers.length > 0) await Promise.all(this.#answers.splice(0));
  }

  #begin(command: Command, shifts: boolean, check: (answer: string) => void = (answer) => this.#mustBeOk(command, answer)): void {
    if (shifts) this.#shifting++;
    command.check = (answer) => {
      if (shifts) this.#shifting--;
      check(answer);
    };
    this.#answers.push(this.#client.answer(command).then(() => undefined));
  }

  #mustBeOk({ text, name }: Command, answer: string): void {
    if (answer.startsWith('OK')) return;
    // Nothing but a message that is gone may be a reason, and only where its octets are asked for. RFC 5530 3 (EXPUNGEISSUED)
    if (/^(?:FETCH|COPY|MOVE)/.test(name) && /no longer exist/.test(answer)) return;
    this.#client.complain(`${text}: ${answer}`);
  }

  #some(most: number, mine: boolean): number[] {
    const { messages, count } = this.#view;
    const own = this.#world.options.own === 'messages' && mine;
    const places = new Set<number>();
    for (let tries = 0; tries < most * 3 && places.size < most; tries++) {
      const at = randomInt(count);
      if (!own || messages[at]!.facts?.owner === this.#client.index) places.add(at);
    }
    return [...places].sort((a, b) => a - b);
  }

  #set(places: readonly number[]): { set: string; named: Message[] } {
    return { set: places.map((at) => at + 1).join(','), named: places.map((at) => this.#view.messages[at]!) };
  }

  #flags(): string[] {
    const mine = (flag: string): boolean =>
      this.#world.options.own !== 'flags' || this.#world.flagOwner(flag.toLowerCase()) === this.#client.index;
    return [...systemFlags.filter(() => chance(50)), ...keywords.filter(() => chance(25))].filter(mine);
  }

  async fetch(): Promise<void> {
    const { set, named } = this.#set(this.#some(Math.min(this.#view.count, 100), false));
    const items = Array.from({ length: randomInt(1, 5) }, () =>
      chance(75)
        ? pick(['ENVELOPE', 'INTERNALDATE', 'BODY', 'BODYSTRUCTURE', 'RFC822.SIZE', 'ENVELOPE'])
        : `BODY.PEEK[HEADER.FIELDS (${Array.from({ length: randomInt(1, 5) }, () => pick(['From', 'To', 'Cc', 'Subject', 'References', 'Message-ID', 'X-None'])).join(' ')})]`,
    );
    this.#begin(this.#client.send(`FETCH ${set} (UID FLAGS ${items.join(' ')})`, { named }), false);
  }

  async fetchText(): Promise<void> {
    const { set, named } = this.#set(this.#some(1, false));
    const item = pick(['BODY.PEEK[HEADER]', 'RFC822.HEADER', 'BODY.PEEK[]', 'BODY.PEEK[1]', 'BODY.PEEK[TEXT]', 'BODY.PEEK[1.MIME]']);
    this.#begin(this.#client.send(`FETCH ${set} (UID ${item})`, { named }), false);
  }

  async search(): Promise<void> {
    const question = randomQuestion(this.#world, this.#view.count);
    const command = this.#client.send(`SEARCH ${question.text}`);
    const view = this.#view;
    this.#begin(command, false, (answer) => {
      this.#mustBeOk(command, answer);
      if (!answer.startsWith('OK')) return;
      if (command.found === null) this.#client.complain('no SEARCH response');
      const found = new Set(command.found);
      for (const n of found) if (n < 1 || n > view.count) this.#client.complain(`SEARCH found ${n} of ${view.count}`);
      view.messages.forEach((message, at) => {
        if (message.uid === 0) return;
        const wanted = question.matches(message, at + 1);
        if (wanted === true && at < command.among && !found.has(at + 1) && !answer.includes('[EXPUNGEISSUED]'))
          this.#client.complain(`${question.text} lacks ${at + 1} (UID ${message.uid})`);
        if (wanted === false && found.has(at + 1)) this.#client.complain(`${question.text} has ${at + 1} (UID ${message.uid})`);
      });
    });
  }

  async sort(): Promise<void> {
    const command = this.#client.send(
      `SORT (${pick(['SUBJECT', 'ARRIVAL', 'SIZE', 'REVERSE DATE'])}) US-ASCII ${pick(['ALL', 'FLAGGED'])}`,
    );
    const view = this.#view;
    this.#begin(command, false, (answer) => {
      this.#mustBeOk(command, answer);
      const found = command.found ?? [];
      if (new Set(found).size !== found.length || found.some((n) => n < 1 || n > view.count))
        this.#client.complain(`SORT gave ${found.join(' ')} of ${view.count}`);
    });
  }

  async thread(): Promise<void> {
    this.#begin(this.#client.send(`THREAD ${pick(['REFERENCES', 'ORDEREDSUBJECT', 'REFS'])} US-ASCII ALL`), false);
  }

  async store(): Promise<void> {
    const { count } = this.#view;
    const places = this.#some(Math.max(1, count < 10 ? randomInt(count) : randomInt(Math.min(Math.ceil(count / 5) + 1, 50))), true);
    const flags = this.#flags();
    if (places.length === 0) return;
    const { own, checkpoint: interval = 0 } = this.#world.options;
    const op = pick(['+', '-', own === 'flags' ? '+' : '']);
    const silent = interval === 0 && own === undefined && chance(30) ? '.SILENT' : '';
    this.#store(places, `${op}FLAGS${silent} (${flags.join(' ')})`, op, silent === '' ? flags : null);
  }

  async markDeleted(): Promise<void> {
    const { own, messages: wanted = 30 } = this.#world.options;
    if (own === 'flags' && this.#world.flagOwner('\\deleted') !== this.#client.index) return;
    const { count } = this.#view;
    const places = this.#some(count > wanted + 5 ? randomInt(count - wanted) : randomInt(5), true);
    if (places.length > 0) this.#store(places, '+FLAGS \\Deleted', '+', ['\\Deleted']);
  }

  #store(places: readonly number[], what: string, op: string, flags: readonly string[] | null): void {
    const { set, named } = this.#set(places);
    const command = this.#client.send(`STORE ${set} ${what}`, { named, stores: true });
    this.#begin(command, false, (answer) => {
      this.#mustBeOk(command, answer);
      if (flags === null || this.#world.options.own === undefined || answer.includes('EXPUNGEISSUED')) return;
      // Nobody else changes these: what STORE answers must be what it did. RFC 9051 6.4.6
      for (const message of named) {
        if (this.#world.expunged.has(message.uid) || message.stores > 0) continue;
        if (!message.told) this.#client.complain(`${command.text}: no FETCH for UID ${message.uid}`);
        else if (op !== '' && flags.some((flag) => message.flags!.has(flag.toLowerCase()) !== (op === '+')))
          this.#client.complain(`${command.text}: UID ${message.uid} now has (${[...message.flags!].join(' ')})`);
      }
    });
  }

  async expunge(): Promise<void> {
    this.#begin(this.#client.send('EXPUNGE'), true);
  }

  async append(): Promise<void> {
    const { messages: wanted = 30, mailbox } = this.#world.options;
    if (this.#client.view !== null && this.#view.count >= wanted + 10) return;
    const count = chance(10) ? 2 : 1;
    const sources = Array.from({ length: count }, () => this.#world.nextSource().text);
    const parts = sources.map(() => {
      const flags = chance(50) ? '' : ` (${this.#flags().join(' ')})`;
      const date = chance(50)
        ? ''
        : ` "${String(randomInt(1, 28)).padStart(2, ' ')}-Oct-2024 12:34:56 ${pick(['+0000', '-0930', '+0200'])}"`;
      return `${flags}${date} \0`;
    });
    const command = this.#client.send(`APPEND ${mailbox}${parts.join('')}`, { literals: sources });
    this.#begin(command, true, (answer) => {
      if (!/^OK \[APPENDUID \d+ [\d:,]+\]/.test(answer)) this.#client.complain(`APPEND: ${answer}`);
    });
  }

  async copy(): Promise<void> {
    const at = randomInt(this.#view.count);
    // Its own answer may bring EXPUNGE already: the numbers were read by then. RFC 9051 7.5.1
    const { set } = this.#set(Array.from({ length: Math.min(this.#view.count - at, 1 + randomInt(5)) }, (_, i) => at + i));
    this.#begin(this.#client.send(`COPY ${set} ${this.#world.options.mailbox}`), true);
  }

  /** Numbers are said in the command that shifts them: it may not share the line with another. */
  async move(): Promise<void> {
    await this.settled();
    if (this.#view.count === 0 || this.#world.options.own !== undefined) return;
    const { set } = this.#set([randomInt(this.#view.count)]);
    this.#begin(this.#client.send(`MOVE ${set} ${this.#world.options.mailbox}`), true);
  }

  async idle(): Promise<void> {
    await this.settled();
    const command = this.#client.send('IDLE');
    this.#begin(command, true, (answer) => {
      this.#mustBeOk(command, answer);
      if (!command.asked) this.#client.complain('IDLE ended without a continuation');
    });
    await sleep(randomInt(1, 150));
    this.#client.raw('DONE\r\n');
    await this.settled();
  }

  async plain(text: string): Promise<void> {
    this.#begin(this.#client.send(text), true);
  }

  /** Waits where a further command could not be said now. */
  async room(namesMessages: boolean): Promise<boolean> {
    if (this.#client.pending.length >= mostPending || (namesMessages && this.#shifting > 0)) await this.settled();
    return !namesMessages || (this.#client.view !== null && this.#view.count > 0);
  }
}

interface Step {
  /** It names messages by number, so nothing that shifts them may be under way. */
  readonly numbers: boolean;
  /** Chance in percent, where clients go through the steps one after the other; 0: only at random. */
  readonly often: number;
  run(actor: Actor, world: World): Promise<void>;
}

const steps: readonly Step[] = [
  { numbers: false, often: 50, run: (actor) => actor.plain('LIST "" *') },
  {
    numbers: false,
    often: 50,
    run: (actor, { options }) => actor.plain(`STATUS ${options.mailbox} (MESSAGES UNSEEN${options.rev2 ? '' : ' RECENT'})`),
  },
  { numbers: true, often: 100, run: (actor) => actor.fetch() },
  { numbers: true, often: 100, run: (actor) => actor.fetchText() },
  { numbers: true, often: 30, run: (actor) => actor.search() },
  { numbers: true, often: 20, run: (actor) => actor.sort() },
  { numbers: true, often: 20, run: (actor) => actor.thread() },
  { numbers: true, often: 33, run: (actor) => actor.copy() },
  { numbers: true, often: 50, run: (actor) => actor.store() },
  { numbers: true, often: 100, run: (actor) => actor.markDeleted() },
  { numbers: false, often: 100, run: (actor) => actor.expunge() },
  { numbers: false, often: 100, run: (actor) => actor.append() },
  { numbers: false, often: 0, run: (actor) => actor.append() },
  { numbers: false, often: 0, run: (actor) => actor.plain('NOOP') },
  { numbers: false, often: 0, run: (actor) => actor.plain('UID FETCH 1:* (FLAGS)') },
  { numbers: false, often: 0, run: (actor) => actor.idle() },
  { numbers: true, often: 0, run: (actor) => actor.move() },
];

async function login(world: World, index: number): Promise<StressClient> {
  const { user, password, qresync, rev2 } = world.options;
  const client = await StressClient.open(world, index);
  const answer = await client.command(`LOGIN "${user}" "${password}"`);
  if (!answer.startsWith('OK')) throw new Error(`login: ${answer}`);
  if (qresync || rev2) await client.command(`ENABLE ${qresync ? 'QRESYNC' : ''} ${rev2 ? 'IMAP4rev2' : ''}`.replace(/ +/g, ' ').trim());
  return client;
}

/** Selects the mailbox; what a session before knew is gone on with where there is QRESYNC. RFC 7162 3.2.5 */
async function select(world: World, client: StressClient, cache: TrackedView | null): Promise<void> {
  const known = cache?.messages.every(({ uid }) => uid > 0) && cache.highestModSeq > 0 ? cache : null;
  if (known === null) {
    const answer = await client.select(world.options.qresync ? ' (CONDSTORE)' : '');
    if (!answer.startsWith('OK')) client.complain(`SELECT: ${answer}`);
    return;
  }
  const answer = await client.select(` (QRESYNC (${known.uidValidity} ${known.highestModSeq}))`, known);
  if (!answer.startsWith('OK')) client.complain(`SELECT: ${answer}`);
  client.view?.exists(client.exists);
}

/** Runs the clients for the time given. */
export async function imapStress(options: StressOptions): Promise<StressResult> {
  const world = new World(options);
  const first = await login(world, 0);
  await first.command(`CREATE ${options.mailbox}`);
  const end = Date.now() + options.duration;
  const meeting = new Meeting(options.clients);
  const clients: (StressClient | null)[] = Array.from({ length: options.clients }, () => null);
  const interval = options.checkpoint ?? 0;
  const caller = interval === 0 ? undefined : setInterval(() => (meeting.called = true), interval);
  const meet = (): Promise<void> =>
    meeting.join(() =>
      checkpoint(
        world,
        clients.filter((client) => client !== null),
      ),
    );

  const run = async (index: number): Promise<void> => {
    let cache: TrackedView | null = null;
    while (Date.now() < end && world.errors.length < 50) {
      const client = await login(world, index);
      clients[index] = client;
      await select(world, client, options.qresync ? cache : null);
      cache = null;
      const actor = new Actor(world, client);
      const cycles = options.order === 'cycle' ? 1 : randomInt(1, 12);
      for (let cycle = 0; cycle < cycles && world.errors.length < 50; cycle++) {
        for (let n = 0; n < steps.length; n++) {
          if (Date.now() >= end) break;
          if (meeting.called) {
            await actor.settled();
            await meet();
          }
          const step = options.order === 'cycle' ? steps[n]! : pick(steps);
          if (options.order === 'cycle' && !chance(step.often)) continue;
          if (await actor.room(step.numbers)) await step.run(actor, world);
        }
      }
      await actor.settled();
      if (options.qresync && chance(70)) cache = client.view;
      world.leaves++;
      if (chance(80)) await client.command('LOGOUT');
      client.end();
      clients[index] = null;
    }
  };
  await Promise.all(
    clients.map((_, index) =>
      run(index)
        .catch((error: unknown) => void world.errors.push(String(error)))
        .finally(() => meeting.leave()),
    ),
  );
  clearInterval(caller);
  await sleep(100);
  try {
    const states: string[] = [];
    for (const _ of [1, 2]) {
      const client = await login(world, 0);
      await client.select();
      await client.command('UID FETCH 1:* (FLAGS)');
      states.push(
        client
          .view!.messages.map(
            ({ uid, flags }) =>
              `${uid} ${[...flags!]
                .filter((flag) => flag !== '\\recent')
                .sort()
                .join(' ')}`,
          )
          .join(','),
      );
      client.end();
    }
    if (states[0] !== states[1]) world.errors.push(`two sessions see different mailboxes: ${states.join(' / ')}`);
  } catch (error) {
    world.errors.push(String(error));
  }
  first.end();
  return { commands: world.commands, checkpoints: world.checkpoints, errors: world.errors };
}

if (import.meta.main) {
  const [port, user, password, seconds = '60', clients = '20', mode = ''] = process.argv.slice(2);
  if (port === undefined || user === undefined || password === undefined) {
    console.error('imap-stress.ts PORT USER PASSWORD [SECONDS] [CLIENTS] [cycle,flags,messages,qresync,rev2,free]');
    process.exit(64);
  }
  const has = (word: string): boolean => mode.split(',').includes(word);
  const result = await imapStress({
    port: Number(port),
    user,
    password,
    mailbox: `Stress${randomInt(1 << 30)}`,
    clients: Number(clients),
    duration: Number(seconds) * 1000,
    checkpoint: has('free') ? 0 : 1000,
    order: has('cycle') ? 'cycle' : 'random',
    ...(has('flags') ? { own: 'flags' as const } : has('messages') ? { own: 'messages' as const } : {}),
    qresync: has('qresync'),
    rev2: has('rev2'),
  });
  console.log(`${result.commands} commands, ${result.checkpoints} checkpoints, ${result.errors.length} errors`);
  for (const error of result.errors.slice(0, 20)) console.log(error);
  process.exit(result.errors.length > 0 ? 1 : 0);
}
