import type { Folder } from './folder.ts';
import type { Observer } from './observer.ts';
import type { Session } from './session.ts';
import { fetched, numbers } from './told.ts';
import { Box, flagText, type Message, type Truth } from './truth.ts';

/** Where a step is taken. Its numbers are drawn beforehand, and mean what fits when it is its turn. */
export interface Scene {
  readonly truth: Truth;
  readonly sessions: readonly Session[];
  readonly folder: Folder;
  readonly observer: Observer;
}

export interface Numbers {
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

export interface StepRow {
  readonly name: string;
  readonly often: number;
  /** Only with a mailbox selected. */
  readonly selected?: boolean;
  run(session: Session, scene: Scene, numbers: Numbers): Promise<void>;
}

/** Messages a mailbox is kept under. */
const most = 20;
const names = ['b1', 'b2', 'b3'];
const flags = ['\\Seen', '\\Deleted', '\\Flagged', '\\Answered', '\\Draft', 'work', '$Later'];
/** More than there are letters for in a file name. */
const rare = Array.from({ length: 30 }, (_, i) => `k${i}`);

const pick = <T>(from: readonly T[], n: number): T => from[n % from.length]!;
const some = (n: number, m: number): string[] =>
  m % 11 === 0 ? [pick(rare, n)] : flags.filter((_, i) => ((n >> i) & 1) === 1 && ((m >> i) & 1) === 1);

/** Those a command names, as it names them: some of the messages in view, by number or by UID. */
async function named(session: Session, { a, b, c }: Numbers): Promise<{ byUid: boolean; set: string; uids: number[] } | null> {
  const view = await session.learn();
  const count = view.messages.length;
  if (count === 0) return null;
  const byUid = !session.mayNumber || c % 2 === 0;
  const from = a % count;
  const to = Math.min(count - 1, from + (b % 4));
  const places = c % 5 === 0 ? [...new Set([from, b % count])] : Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const uids = places.map((at) => view.messages[at]!.uid!);
  const list = byUid ? uids : places.map((at) => at + 1);
  return { byUid, set: c % 5 === 0 ? list.join(',') : `${list.at(-1)}:${list[0]}`, uids };
}

const ascending = (uids: Iterable<number>): number[] => [...new Set(uids)].sort((a, b) => a - b);
const same = (what: string, a: Iterable<number | string>, b: Iterable<number | string>): void => {
  const [found, wanted] = [[...a].join(' '), [...b].join(' ')];
  if (found !== wanted) throw new Error(`${what}: ${found}, ought to be ${wanted}`);
};
const mustBe = (answer: string, pattern: RegExp, text: string): void => {
  if (!pattern.test(answer)) throw new Error(`${text}: ${answer}`);
};

async function store(session: Session, { observer }: Scene, at: Numbers): Promise<void> {
  const box = session.box!;
  await observer.settle(box);
  const who = await named(session, at);
  if (who === null) return;
  const { a, b, c } = at;
  const op = pick(['+', '-', '', '+'], c);
  const silent = b % 3 === 0 ? '.SILENT' : '';
  const there = who.uids.flatMap((uid) => box.messages.get(uid) ?? []);
  const since =
    session.kind.condstore && a % 3 === 0 && box.messages.size > 0
      ? pick(
          [...box.messages.values(), ...there].map(({ modSeq }) => modSeq),
          b,
        )
      : null;
  const list = some(a, b);
  const text = `${who.byUid ? 'UID ' : ''}STORE ${who.set} ${since === null ? '' : `(UNCHANGEDSINCE ${since}) `}${op}FLAGS${silent} (${list.join(' ')})`;
  const answer = await session.command(text);
  if (session.readOnly) return mustBe(answer, /^NO/, text);
  mustBe(answer, /^OK/, text);
  const left = new Set<Message>(there.filter(({ modSeq }) => since !== null && modSeq > since));
  const modified = /\[MODIFIED (\S+)\]/.exec(answer)?.[1];
  const wanted = ascending([...left].map(({ uid }) => uid));
  const numbersOf = (uids: readonly number[]): number[] =>
    who.byUid ? [...uids] : ascending(uids.map((uid) => session.view!.messages.findIndex((one) => one.uid === uid) + 1));
  same(`${text}: MODIFIED`, modified === undefined ? [] : numbers(modified), numbersOf(wanted));
  for (const { uid, flags: before } of there) {
    if (left.has(box.messages.get(uid)!)) continue;
    const now = new Set(op === '' ? list : op === '+' ? [...before, ...list] : [...before].filter((flag) => !list.includes(flag)));
    box.setFlags(uid, now);
    // What a client that asks for silence knows by itself, unless it was told more.
    const known = session.view!.messages.find((one) => one.uid === uid);
    if (silent === '' || known?.flags === null || known === undefined) continue;
    const had = known.flags.split(' ').filter(Boolean);
    const believes = op === '' ? list : op === '+' ? [...new Set([...had, ...list])] : had.filter((flag) => !list.includes(flag));
    known.flags = flagText(believes);
  }
}

/** COPY and MOVE: UIDs as COPYUID says, flags and text as they were. */
async function transfer(verb: 'COPY' | 'MOVE', session: Session, { observer, truth }: Scene, at: Numbers): Promise<void> {
  const box = session.box!;
  const target = pick(truth.boxes, at.c);
  if (target.messages.size > most) return;
  await observer.settle(box);
  await observer.settle(target);
  const who = await named(session, at);
  if (who === null) return;
  const text = `${who.byUid ? 'UID ' : ''}${verb} ${who.set} ${target.name}`;
  const lines: string[] = [];
  const answer = await session.command(text, lines);
  if (verb === 'MOVE' && session.readOnly) return mustBe(answer, /^NO/, text);
  const there = ascending(who.uids).flatMap((uid) => box.messages.get(uid) ?? []);
  if (verb === 'COPY' && there.length === 0) return mustBe(answer, /^(?:NO|OK)/, text);
  mustBe(answer, /^OK/, text);
  const code = /\[COPYUID \d+ (\S+) (\S+)\]/.exec([...lines, answer].join('\n'));
  same(
    `${text}: sources`,
    code === null ? [] : numbers(code[1]!),
    there.map(({ uid }) => uid),
  );
  if (code === null) return;
  const first = target.uidNext;
  same(
    `${text}: targets`,
    numbers(code[2]!),
    there.map((_, i) => first + i),
  );
  for (const { uid, text: body, flags: kept } of there) {
    target.add(body, kept);
    if (verb === 'MOVE') box.messages.delete(uid);
  }
  await observer.look(target);
}

async function expunge(session: Session, { observer }: Scene, { a, b, c }: Numbers): Promise<void> {
  const box = session.box!;
  await observer.settle(box);
  const named = session.kind.uidOnly || a % 3 === 0 ? ascending([b, c, a].map((n) => pick([0, ...box.uids()], n)).filter(Boolean)) : null;
  if (named?.length === 0) return;
  const text = named === null ? 'EXPUNGE' : `UID EXPUNGE ${named.join(',')}`;
  // What it is told meanwhile counts, too.
  if (session.kind.notify) await session.hears();
  const known = named === null ? null : new Set((await session.learn()).messages.map(({ uid }) => uid));
  const answer = await session.command(text);
  if (session.readOnly) return mustBe(answer, /^NO/, text);
  mustBe(answer, /^OK/, text);
  for (const { uid, flags: now } of box.messages.values())
    if (now.has('\\Deleted') && (named === null || (named.includes(uid) && known!.has(uid)))) box.messages.delete(uid);
}

async function append(session: Session, { observer, truth }: Scene, { a, b, c }: Numbers): Promise<void> {
  const box = pick(truth.boxes, a);
  if (box.messages.size > most) return;
  if (a % 2 === 0) await observer.settle(box);
  const made = Array.from({ length: c % 5 === 0 ? 2 : 1 }, () => truth.text());
  const list = b % 3 === 0 ? [] : some(b, c);
  const octets = made.map((text) => `Subject: ${text}\r\n\r\n${text}\r\n`);
  const text = `APPEND ${box.name}${octets.map((one) => ` (${list.join(' ')}) {${one.length}+}\r\n${one}`).join('')}`;
  const answer = await session.command(text);
  const code = /^OK \[APPENDUID \d+ (\S+)\]/.exec(answer);
  if (code === null) throw new Error(`APPEND: ${answer}`);
  const uids = numbers(code[1]!);
  // Another program's messages may have come before.
  if (box.isSettled)
    same(
      'APPENDUID',
      uids,
      made.map((_, i) => box.uidNext + i),
    );
  for (const [i, one] of made.entries()) {
    if (box.messages.has(uids[i]!)) throw new Error(`UID ${uids[i]} given twice`);
    box.add(one, list, uids[i]!);
  }
  await observer.look(box);
}

async function fetch(session: Session, { observer }: Scene, at: Numbers): Promise<void> {
  const box = session.box!;
  const who = await named(session, at);
  if (who === null) return;
  const marks = at.a % 5 === 0 && !session.readOnly;
  if (marks) await observer.settle(box);
  const items = marks ? 'BODY[TEXT]' : pick(['FLAGS', 'BODY.PEEK[TEXT]', 'FLAGS BODY.PEEK[TEXT]', 'UID FLAGS', 'MODSEQ'], at.b);
  const text = `${who.byUid ? 'UID ' : ''}FETCH ${who.set} (${items})`;
  const lines: string[] = [];
  mustBe(await session.command(text, lines), /^OK/, text);
  const shown = new Set(lines.flatMap((line) => fetched(line)?.n ?? []));
  if (!box.isSettled) return;
  for (const uid of who.uids) {
    const message = box.messages.get(uid);
    if (message === undefined) continue;
    const n = session.view!.messages.findIndex((one) => one.uid === uid) + 1;
    if (
      !session.kind.uidOnly &&
      !session.kind.notify &&
      !shown.has(n) &&
      lines.every((line) => !line.includes('EXPUNGE') && !line.includes('VANISHED'))
    )
      throw new Error(`${text}: nothing of UID ${uid}`);
    if (marks && !message.flags.has('\\Seen')) box.setFlags(uid, new Set([...message.flags, '\\Seen']));
  }
}

/** Finds, of what is still there, just what matches. RFC 9051 6.4.4 */
async function search(session: Session, _: Scene, { a, b, c }: Numbers): Promise<void> {
  const box = session.box!;
  const view = await session.learn();
  if (view.messages.length === 0) return;
  const flag = pick(['\\Seen', '\\Deleted', '\\Flagged', 'work', 'k3'], a);
  const key = flag.startsWith('\\') ? flag.slice(1).toUpperCase() : `KEYWORD ${flag}`;
  const uid = pick(view.messages, b).uid!;
  const not = a % 2 === 0;
  const text = `${not ? 'NOT ' : ''}${key} UID ${uid}:*`;
  const extended = b % 2 === 0;
  const byUid = !session.mayNumber || c % 2 === 0;
  const lines: string[] = [];
  const answer = await session.command(`${byUid ? 'UID ' : ''}SEARCH ${extended ? 'RETURN (ALL COUNT) ' : ''}${text}`, lines);
  mustBe(answer, /^OK/, text);
  const line = lines.find((one) => /^\* E?SEARCH/.test(one));
  if (line === undefined) throw new Error(`${text}: no answer`);
  const found = line.startsWith('* ESEARCH')
    ? numbers(/ ALL (\S+)/.exec(line)?.[1] ?? '0').filter(Boolean)
    : line
        .replace(/^\* SEARCH ?/, '')
        .split(' ')
        .filter(Boolean)
        .map(Number);
  const count = / COUNT (\d+)/.exec(line)?.[1];
  if (count !== undefined && Number(count) !== found.length) throw new Error(`${text}: ${line}`);
  if (!box.isSettled) return;
  const wanted = [...box.messages.values()].filter((one) => one.uid >= uid && one.flags.has(flag) !== not).map((one) => one.uid);
  // Numbers are those of the view as it was: what is gone is in none of them.
  const uids = byUid ? found : found.map((n) => view.messages[n - 1]?.uid ?? 0);
  const known = new Set(view.messages.map((one) => one.uid));
  same(
    text,
    uids.filter((one) => box.messages.has(one)),
    ascending(wanted.filter((one) => known.has(one))),
  );
}

/** What changed since it knew everything once: that, and nothing else. RFC 7162 3.2.6 */
async function changedSince(session: Session, _: Scene, { a }: Numbers): Promise<void> {
  const box = session.box!;
  const kept = session.caches.filter((one) => one.box === box);
  if (!session.kind.qresync || kept.length === 0 || !box.isSettled) return;
  const { modSeq, flags: before } = pick(kept, a);
  const now = new Map(before);
  const lines: string[] = [];
  const text = `UID FETCH 1:* (FLAGS) (CHANGEDSINCE ${modSeq} VANISHED)`;
  mustBe(await session.command(text, lines), /^OK/, text);
  for (const line of lines) {
    for (const uid of numbers(/^\* VANISHED (?:\(EARLIER\) )?(\S+)$/.exec(line)?.[1] ?? '0')) now.delete(uid);
    const row = fetched(line);
    if (row?.uid != null) now.set(row.uid, row.flags ?? now.get(row.uid) ?? null);
  }
  same(`${text}: messages`, ascending(now.keys()), box.uids());
  for (const [uid, known] of now) if (known !== null) same(`${text}: flags of ${uid}`, [known], [flagText(box.messages.get(uid)!.flags)]);
}

async function select(session: Session, { observer, truth }: Scene, { a, b, c }: Numbers): Promise<void> {
  session.keep();
  const kept = session.caches.filter(({ box }) => !box.isGone && box.isSettled);
  const cache = session.kind.qresync && kept.length > 0 && b % 2 === 0 ? pick(kept, a) : null;
  const box = cache?.box ?? pick(truth.boxes, a);
  if (c % 4 === 0) await observer.settle(box);
  await session.select(box, c % 5 === 0, cache);
}

async function leave(session: Session, { observer }: Scene, { a }: Numbers): Promise<void> {
  const box = session.box!;
  session.keep();
  const closes = a % 2 === 0;
  if (closes) await observer.settle(box);
  await session.ok(closes ? 'CLOSE' : 'UNSELECT');
  if (closes && !session.readOnly)
    for (const { uid, flags: now } of box.messages.values()) if (now.has('\\Deleted')) box.messages.delete(uid);
  session.leave();
  await observer.look(box);
}

async function create(session: Session, { truth }: Scene, { a }: Numbers): Promise<void> {
  const name = pick(names, a);
  const answer = await session.command(`CREATE ${name}`);
  if (truth.find(name) !== undefined) return mustBe(answer, /^NO/, 'CREATE');
  mustBe(answer, /^OK/, 'CREATE');
  truth.boxes.push(new Box(name));
}

async function remove(session: Session, { truth, observer }: Scene, { a }: Numbers): Promise<void> {
  const box = pick(truth.boxes, a);
  if (box.name === 'INBOX') return;
  await observer.settle(box);
  truth.remove(box);
  await session.ok(`DELETE ${box.name}`);
  if (session.box === box) session.leave();
}

async function rename(session: Session, { truth, observer }: Scene, { a, b }: Numbers): Promise<void> {
  const box = pick(truth.boxes, a);
  const name = pick(names, b);
  if (box.name === 'INBOX' && b % 3 !== 0) return;
  await observer.settle(box);
  const answer = await session.command(`RENAME ${box.name} ${name}`);
  if (truth.find(name) !== undefined) return mustBe(answer, /^NO/, 'RENAME');
  mustBe(answer, /^OK/, 'RENAME');
  if (box.name !== 'INBOX') {
    box.name = name;
    return;
  }
  // INBOX stays, its messages go. RFC 9051 6.3.6
  const made = new Box(name);
  for (const uid of box.uids()) made.add(box.messages.get(uid)!.text, box.messages.get(uid)!.flags);
  box.messages.clear();
  truth.boxes.push(made);
  await observer.look(box);
  await observer.look(made);
}

async function elsewhere({ truth, folder }: Scene, { a, b, c }: Numbers): Promise<void> {
  const box = pick(truth.boxes, a);
  const uid = pick([0, ...box.uids()], b);
  const system = flags.slice(0, 5).filter((_, i) => ((c >> i) & 1) === 1);
  if (c % 3 === 0 && uid > 0) folder.flag(box, uid, system);
  else if (c % 7 === 0 && uid > 0) folder.remove(box, uid);
  else if (box.messages.size < most) folder.deliver(box, system, c % 2 === 0);
}

export const stepRows: readonly StepRow[] = [
  { name: 'select', often: 8, run: select },
  { name: 'leave', often: 3, selected: true, run: leave },
  { name: 'append', often: 12, run: append },
  { name: 'store', often: 20, selected: true, run: store },
  { name: 'copy', often: 5, selected: true, run: (...args) => transfer('COPY', ...args) },
  { name: 'move', often: 6, selected: true, run: (...args) => transfer('MOVE', ...args) },
  { name: 'expunge', often: 8, selected: true, run: expunge },
  { name: 'fetch', often: 12, selected: true, run: fetch },
  { name: 'search', often: 6, selected: true, run: search },
  { name: 'changed since', often: 5, selected: true, run: changedSince },
  { name: 'keep', often: 4, selected: true, run: async (session) => session.keep() },
  { name: 'noop', often: 8, run: async (session) => void (await session.ok('NOOP')) },
  { name: 'idle', often: 6, run: (session) => session.idle() },
  { name: 'create', often: 4, run: create },
  { name: 'delete', often: 2, run: remove },
  { name: 'rename', often: 3, run: rename },
  { name: 'elsewhere', often: 3, run: (_, scene, at) => elsewhere(scene, at) },
  {
    name: 'settle',
    often: 2,
    async run(_, { truth, observer }, { a }) {
      await observer.settle(pick(truth.boxes, a));
    },
  },
  {
    name: 'hear',
    often: 5,
    async run(_, { sessions }) {
      for (const session of sessions) if (session.idling !== null || session.kind.notify) await session.hears();
    },
  },
];
