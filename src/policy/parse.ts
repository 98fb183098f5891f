import { Fault } from '../mail/fault.ts';
import type { Restriction } from './restriction.ts';
import { knownActions } from './restrictions/access.ts';
import { restrictions } from './restrictions/index.ts';
import { openTable, type Table } from './table.ts';

export interface Rule {
  readonly restriction: Restriction;
  readonly argument: string;
  readonly table: Table | null;
  /** `warn_if_reject`: a refusal is logged, and the next rule is asked. */
  readonly onlyWarn: boolean;
}

const byName = new Map(restrictions.flatMap((r) => [r.name, ...(r.formerly ?? [])].map((name) => [name, r] as const)));
const names = [...byName.keys(), 'warn_if_reject'];

/**
 * Reads a list as main.cf or TOML has it: words separated by white space or commas, in one string or several.
 *
 * @param hasDns without it the restrictions that need it are unknown
 * @throws Fault syntax whose detail names the word and the nearest known one
 */
export function parseRestrictions(list: readonly string[], hasDns = false): readonly Rule[] {
  const rules: Rule[] = [];
  const words = list.flatMap(splitWords);
  let onlyWarn = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === 'warn_if_reject') {
      onlyWarn = true;
      continue;
    }
    const restriction = byName.get(word.toLowerCase());
    if (restriction === undefined) throw new Fault('syntax', `unknown restriction "${word}"${suggestion(word)}`);
    if (restriction.needsDns === true && !hasDns) throw new Fault('syntax', `unknown restriction "${word}": it needs DNS, which is off`);
    let argument = '';
    let table: Table | null = null;
    if (restriction.argument !== undefined) {
      argument = words[++i] ?? '';
      if (argument === '' || byName.has(argument)) throw new Fault('syntax', `${word} needs a ${restriction.argument} after it`);
      if (restriction.argument === 'table') table = checkedTable(argument);
      restriction.checkArgument?.(argument);
    }
    rules.push({ restriction, argument, table, onlyWarn });
    onlyWarn = false;
  }
  if (onlyWarn) throw new Fault('syntax', 'warn_if_reject needs a restriction after it');
  return rules;
}

function checkedTable(spec: string): Table {
  const table = opened(spec);
  const unknown = table.actions.find((action) => !knownActions.test(action));
  if (unknown !== undefined) throw new Fault('syntax', `${spec}: unknown action "${unknown}"`);
  return table;
}

function opened(spec: string): Table {
  try {
    return openTable(spec);
  } catch (error) {
    throw new Fault('syntax', error instanceof Error ? error.message : String(error));
  }
}

/** White space and commas separate, but not inside braces. */
function splitWords(text: string): string[] {
  return text.match(/(?:[^\s,{}]|\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})+/g) ?? [];
}

function suggestion(word: string): string {
  const [best] = names.map((name) => ({ name, distance: editDistance(word.toLowerCase(), name) })).sort((a, b) => a.distance - b.distance);
  return best !== undefined && best.distance <= Math.max(3, word.length / 2) ? `; did you mean "${best.name}"?` : '';
}

/** Levenshtein. Words are short. */
function editDistance(a: string, b: string): number {
  const text = a.slice(0, 80);
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= text.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (text[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
