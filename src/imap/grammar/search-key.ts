import { Fault } from '../../mail/fault.ts';
import { systemFlags } from '../../mail/flags.ts';
import type { ModSeq } from '../../mail/numbers.ts';
import type { SearchKey } from '../../mail/search.ts';
import type { Cursor } from './cursor.ts';
import { date } from './date.ts';
import { flag } from './flags.ts';
import { ranges, type SequenceSet } from './sequence-set.ts';

/** A search key as written: message sets are not resolved yet. */
export type WireKey =
  | Exclude<SearchKey, { kind: 'and' | 'or' } | { kind: 'not' } | { kind: 'uids' }>
  | { readonly kind: 'and' | 'or'; readonly keys: readonly WireKey[] }
  | { readonly kind: 'not'; readonly key: WireKey }
  /** As the server sees fit. RFC 6203 3 */
  | { readonly kind: 'fuzzy'; readonly key: WireKey }
  | { readonly kind: 'set'; readonly uid: boolean; readonly set: SequenceSet };

type Rule = (line: Cursor, text: (octets: string) => string) => WireKey;

const flagKey = (name: string): WireKey => ({ kind: 'flag', flag: name });
const not = (key: WireKey): WireKey => ({ kind: 'not', key });
const headerKey =
  (field: string): Rule =>
  (line, text) => ({ kind: 'header', field, text: text(spaced(line).astring()) });
const dateKey =
  (which: 'internal' | 'sent' | 'saved', op: 'before' | 'on' | 'since'): Rule =>
  (line) => ({ kind: 'date', which, op, day: date(spaced(line)) });

function spaced(line: Cursor): Cursor {
  line.space();
  return line;
}

/** Every key by its name. RFC 9051 6.4.4, RFC 5032, RFC 7162 3.1.5, RFC 8474 7, RFC 8514 4, RFC 6203 7 */
const rules: Readonly<Record<string, Rule>> = {
  __proto__: null as never,
  ALL: () => ({ kind: 'all' }),
  NEW: () => ({ kind: 'and', keys: [{ kind: 'recent' }, not(flagKey('\\Seen'))] }),
  OLD: () => not({ kind: 'recent' }),
  RECENT: () => ({ kind: 'recent' }),
  ...Object.fromEntries(
    systemFlags.flatMap((name): [string, Rule][] => {
      const word = name.slice(1).toUpperCase();
      return [
        [word, () => flagKey(name)],
        [`UN${word}`, () => not(flagKey(name))],
      ];
    }),
  ),
  KEYWORD: (line) => flagKey(flag(spaced(line))),
  UNKEYWORD: (line) => not(flagKey(flag(spaced(line)))),
  BCC: headerKey('bcc'),
  CC: headerKey('cc'),
  FROM: headerKey('from'),
  SUBJECT: headerKey('subject'),
  TO: headerKey('to'),
  HEADER: (line, text) => {
    const field = spaced(line).astring().toLowerCase();
    return { kind: 'header', field, text: text(spaced(line).astring()) };
  },
  BODY: (line, text) => ({ kind: 'body', text: text(spaced(line).astring()) }),
  TEXT: (line, text) => ({ kind: 'text', text: text(spaced(line).astring()) }),
  LARGER: (line) => ({ kind: 'larger', size: spaced(line).number64() }),
  SMALLER: (line) => ({ kind: 'smaller', size: spaced(line).number64() }),
  BEFORE: dateKey('internal', 'before'),
  ON: dateKey('internal', 'on'),
  SINCE: dateKey('internal', 'since'),
  SENTBEFORE: dateKey('sent', 'before'),
  SENTON: dateKey('sent', 'on'),
  SENTSINCE: dateKey('sent', 'since'),
  SAVEDBEFORE: dateKey('saved', 'before'),
  SAVEDON: dateKey('saved', 'on'),
  SAVEDSINCE: dateKey('saved', 'since'),
  SAVEDATESUPPORTED: () => ({ kind: 'saveDateSupported' }),
  OLDER: (line) => ({ kind: 'older', seconds: spaced(line).nzNumber() }),
  YOUNGER: (line) => ({ kind: 'younger', seconds: spaced(line).nzNumber() }),
  MODSEQ: (line) => {
    line.space();
    // The entry name and type of RFC 4551 say nothing here. RFC 7162 3.1.5
    if (line.next === '"') {
      line.string();
      line.space();
      line.take('entry type', /(?:priv|shared|all)/iy);
      line.space();
    }
    return { kind: 'modseq', modSeq: line.number64() as ModSeq };
  },
  EMAILID: (line) => ({ kind: 'emailid', id: spaced(line).astring() }),
  THREADID: (line) => ({ kind: 'threadid', id: spaced(line).astring() }),
  UID: (line) => ({ kind: 'set', uid: true, set: messageSet(spaced(line)) }),
  FUZZY: (line, text) => ({ kind: 'fuzzy', key: nested(spaced(line), text) }),
  NOT: (line, text) => not(nested(spaced(line), text)),
  OR: (line, text) => {
    const first = nested(spaced(line), text);
    return { kind: 'or', keys: [first, nested(spaced(line), text)] };
  },
};
const mostKeys = 10_000;

function messageSet(line: Cursor): SequenceSet {
  return line.accept('$') ? '$' : ranges(line);
}

function nested(line: Cursor, text: (octets: string) => string): WireKey {
  line.enter();
  const key = searchKey(line, text);
  line.depth--;
  return key;
}

function searchKey(line: Cursor, text: (octets: string) => string): WireKey {
  if (line.next === '(') {
    line.expect('(');
    line.enter();
    const keys = searchKeys(line, text);
    line.expect(')');
    line.depth--;
    return keys;
  }
  if (/[\d*$]/.test(line.next)) return { kind: 'set', uid: false, set: messageSet(line) };
  const name = line.take('search key', /[A-Za-z0-9.]+/y).toUpperCase();
  const rule = rules[name];
  if (rule === undefined) throw new Fault('syntax', `unknown search key ${name}`);
  return rule(line, text);
}

/** search-key *(SP search-key): all of them. `text` decodes strings from the charset named. */
export function searchKeys(line: Cursor, text: (octets: string) => string): WireKey {
  const keys = [];
  do {
    keys.push(searchKey(line, text));
    if (keys.length > mostKeys) throw new Fault('tooMany', 'search keys');
  } while (line.accept(' '));
  return keys.length === 1 ? keys[0]! : { kind: 'and', keys };
}

/** [CHARSET SP astring SP] search-key *(SP search-key). UTF-8 where none is named. RFC 9051 6.4.4 @throws Fault badCharset */
export function searchProgram(line: Cursor): WireKey {
  let charset = 'utf-8';
  if (line.accept('CHARSET ')) {
    charset = line.astring();
    line.space();
  }
  return searchKeys(line, decoder(charset));
}

/** @throws Fault badCharset */
export function decoder(charset: string): (octets: string) => string {
  let text: TextDecoder;
  try {
    text = new TextDecoder(charset);
  } catch {
    throw new Fault('badCharset', charset);
  }
  return (octets) => (/[\x1b\x80-\xff]/.test(octets) ? text.decode(Buffer.from(octets, 'latin1')) : octets);
}
