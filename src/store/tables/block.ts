import type { Database } from '../../db/open.ts';
import { numbers } from '../columns.ts';

/** Columns that are kept as octets. */
export type OctetColumn = 'envelope' | 'bodyStructure' | 'body' | 'header';

const places: Record<OctetColumn, string> = {
  envelope: 'c.envelope',
  bodyStructure: 'c.body_structure',
  body: 'c.body',
  header: 'h.bytes',
};
const kept = Object.keys(places) as OctetColumn[];

export const isOctets = (column: string): column is OctetColumn => column in places;

/** No zone, in a list of numbers. */
const none = 9999;
/** Numbers of each message before the lengths. */
const fixed = 8;

/** Messages next to each other, in UID order. */
export class Block {
  readonly count: number;
  readonly #columns: readonly OctetColumn[];
  readonly #width: number;
  /** Of each message what `fixed` counts, then where each of its octets begin and end. */
  readonly #numbers: Float64Array;
  readonly #octets: readonly Buffer[];
  readonly #texts: (string | null)[];

  constructor(columns: readonly OctetColumn[], numbers: Float64Array, octets: readonly Buffer[]) {
    this.#columns = columns;
    this.#width = fixed + 2 * columns.length;
    this.count = numbers.length / this.#width;
    this.#numbers = numbers;
    this.#octets = octets;
    this.#texts = columns.map(() => null);
  }

  uid(at: number): number {
    return this.#numbers[at * this.#width]!;
  }

  flags(at: number): number {
    return this.#numbers[at * this.#width + 1]!;
  }

  modSeq(at: number): number {
    return this.#numbers[at * this.#width + 2]!;
  }

  internalDate(at: number): number {
    return this.#numbers[at * this.#width + 3]!;
  }

  zone(at: number): number | null {
    const zone = this.#numbers[at * this.#width + 4]!;
    return zone === none ? null : zone;
  }

  saveDate(at: number): number {
    return this.#numbers[at * this.#width + 5]!;
  }

  size(at: number): number {
    return this.#numbers[at * this.#width + 6]!;
  }

  /** Whether the content was read. */
  isRead(at: number): boolean {
    return this.#numbers[at * this.#width + 7] === 1;
  }

  /** Null where they are not kept; undefined where they were not asked for. */
  octets(at: number, column: OctetColumn): Buffer | null | undefined {
    const n = this.#columns.indexOf(column);
    if (n < 0) return undefined;
    const start = this.#start(at, n);
    return start < 0 ? null : this.#octets[n]!.subarray(start, this.#end(at, n));
  }

  /** The same as latin1. */
  text(at: number, column: OctetColumn): string | undefined {
    const n = this.#columns.indexOf(column);
    if (n < 0) return undefined;
    this.#texts[n] ??= this.#octets[n]!.toString('latin1');
    return this.#texts[n].slice(this.#start(at, n), this.#end(at, n));
  }

  #start(at: number, n: number): number {
    return this.#numbers[at * this.#width + fixed + 2 * n]!;
  }

  #end(at: number, n: number): number {
    return this.#numbers[at * this.#width + fixed + 2 * n + 1]!;
  }
}

/** Many messages in one answer: rows one by one come over from SQLite at five times the cost. */
export function blockTable(db: Database) {
  const readers = new Map<string, (mailbox: number, from: number, to: number) => Block>();

  const reader = (columns: readonly OctetColumn[]) => {
    const lengths = columns.map((column) => ` || ',' || ifnull(length(${places[column]}), -1)`).join('');
    const statement = db
      .prepare<[number, number, number], [string | null, ...(Buffer | null)[]]>(`
        SELECT group_concat(m.uid || ',' || m.flags || ',' || m.modseq || ',' || m.internal_date || ',' || ifnull(m.zone, ${none}) || ',' ||
               m.save_date || ',' || m.size || ',' || (${columns.every((column) => column === 'header') ? 'm.content_id' : 'c.id'} IS NOT NULL)${lengths})
               ${columns.map((column) => `, CAST(group_concat(${places[column]}, '') AS BLOB)`).join('')}
          FROM message AS m
          ${columns.some((column) => column !== 'header') ? 'LEFT JOIN content AS c ON c.id = m.content_id' : ''}
          ${columns.includes('header') ? 'LEFT JOIN header AS h ON h.content_id = m.content_id' : ''}
         WHERE m.mailbox_id = ? AND m.uid BETWEEN ? AND ?`)
      .raw();
    return (mailbox: number, from: number, to: number): Block => {
      const [text, ...octets] = statement.get(mailbox, from, to)!;
      return new Block(
        columns,
        numbersOf(text, columns.length),
        octets.map((piece) => piece ?? Buffer.alloc(0)),
      );
    };
  };

  return {
    /** Messages with UIDs in a range, with these columns. */
    range(columns: readonly OctetColumn[], mailbox: number, from: number, to: number): Block {
      const sorted = kept.filter((column) => columns.includes(column));
      const key = sorted.join();
      let found = readers.get(key);
      if (found === undefined) {
        found = reader(sorted);
        readers.set(key, found);
      }
      return found(mailbox, from, to);
    },
  };
}

/** The numbers of a list, where each length becomes a begin and an end. */
function numbersOf(list: string | null, columns: number): Float64Array {
  const given = numbers(list);
  const result = new Float64Array((given.length / (fixed + columns)) * (fixed + 2 * columns));
  const ends = new Float64Array(columns);
  let to = 0;
  for (let at = 0; at < given.length; ) {
    for (let field = 0; field < fixed; field++) result[to++] = given[at++]!;
    for (let n = 0; n < columns; n++) {
      const length = given[at++]!;
      const begin = ends[n]!;
      result[to++] = length < 0 ? -1 : begin;
      result[to++] = length < 0 ? -1 : begin + length;
      if (length > 0) ends[n] = begin + length;
    }
  }
  return result;
}
