import { randomInt } from 'node:crypto';
import { searchDate } from './source.ts';
import type { Message } from './tracked-view.ts';
import type { World } from './world.ts';

/** A search and, for a message, whether it must be found: null where that is not known. */
export interface Question {
  readonly text: string;
  matches(message: Message, n: number): boolean | null;
}

const and = (a: boolean | null, b: boolean | null): boolean | null =>
  a === false || b === false ? false : a === null || b === null ? null : true;
const or = (a: boolean | null, b: boolean | null): boolean | null =>
  a === true || b === true ? true : a === null || b === null ? null : false;
const not = (a: boolean | null): boolean | null => (a === null ? null : !a);

const monthNames = 'janfebmaraprmayjunjulaugsepoctnovdec';
/** Of an INTERNALDATE as written, its zone disregarded. RFC 9051 6.4.4 */
function dayOf(internalDate: string): number {
  const [, day, month, year] = /^ ?(\d+)-(\w{3})-(\d{4})/.exec(internalDate)!;
  return Date.UTC(Number(year), monthNames.indexOf(month!.toLowerCase()) / 3, Number(day)) / 86_400_000;
}

/** A search at random over what is known of the messages: sets, sizes, dates, strings, flags never (they change meanwhile). RFC 9051 6.4.4 */
export function randomQuestion(world: World, count: number, depth = 0): Question {
  const source = world.sources[randomInt(world.sources.length)]!;
  const sourceOf = (message: Message) => (message.facts?.id == null ? undefined : world.byId.get(message.facts.id));
  const about = (ask: (source: (typeof world.sources)[number]) => boolean | null) => (message: Message) => {
    const found = sourceOf(message);
    return found === undefined ? null : ask(found);
  };
  const piece = (word: string): string => {
    const from = randomInt(word.length);
    return word.slice(from, from + 1 + randomInt(word.length - from));
  };
  const simple: (() => Question)[] = [
    () => {
      const a = 1 + randomInt(count);
      const b = 1 + randomInt(count);
      return { text: `${a}:${b}`, matches: (_, n) => n >= Math.min(a, b) && n <= Math.max(a, b) };
    },
    () => ({ text: `SMALLER ${source.text.length}`, matches: about(({ text }) => text.length < source.text.length) }),
    () => ({ text: `LARGER ${source.text.length}`, matches: about(({ text }) => text.length > source.text.length) }),
    () => ({ text: `SENTBEFORE ${searchDate(source.sentDay)}`, matches: about(({ sentDay }) => sentDay < source.sentDay) }),
    () => ({ text: `SENTON ${searchDate(source.sentDay)}`, matches: about(({ sentDay }) => sentDay === source.sentDay) }),
    () => ({ text: `SENTSINCE ${searchDate(source.sentDay)}`, matches: about(({ sentDay }) => sentDay >= source.sentDay) }),
    () => {
      const day = 20_000 + randomInt(40);
      const key = ['BEFORE', 'ON', 'SINCE'][randomInt(3)]!;
      const ask = (at: number): boolean => (key === 'BEFORE' ? at < day : key === 'ON' ? at === day : at >= day);
      return {
        text: `${key} ${searchDate(day)}`,
        matches: ({ facts }) => (facts?.internalDate == null ? null : ask(dayOf(facts.internalDate))),
      };
    },
    () => {
      const part = piece(source.subject).trim() || 'a';
      return { text: `SUBJECT "${part}"`, matches: about(({ subject }) => subject.toLowerCase().includes(part.toLowerCase())) };
    },
    () => {
      const part = piece(source.words[randomInt(source.words.length)]!);
      // Where no word has it, another part or a header may.
      return {
        text: `${['TEXT', 'BODY'][randomInt(2)]} "${part}"`,
        matches: about(({ words }) => (words.some((word) => word.includes(part)) ? true : null)),
      };
    },
    () => ({ text: `HEADER Message-ID "${source.id}"`, matches: about(({ id }) => id === source.id) }),
  ];
  if (depth > 3 || randomInt(10) < 6) return simple[randomInt(simple.length)]!();
  const a = randomQuestion(world, count, depth + 1);
  if (randomInt(4) === 0) return { text: `NOT (${a.text})`, matches: (m, n) => not(a.matches(m, n)) };
  const b = randomQuestion(world, count, depth + 1);
  if (randomInt(2) === 0) return { text: `OR (${a.text}) (${b.text})`, matches: (m, n) => or(a.matches(m, n), b.matches(m, n)) };
  return { text: `${a.text} ${b.text}`, matches: (m, n) => and(a.matches(m, n), b.matches(m, n)) };
}
