import { Fault } from '../mail/fault.ts';
import type { Restriction } from './restriction.ts';
import { knownActions, table } from './restrictions/access.ts';
import { restrictions } from './restrictions/index.ts';

export interface Rule {
  readonly restriction: Restriction;
  readonly argument: string;
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
    if (restriction.argument !== undefined) {
      argument = words[++i] ?? '';
      if (argument === '' || byName.has(argument)) throw new Fault('syntax', `${word} needs a ${restriction.argument} after it`);
      if (restriction.argument === 'table') checkTable(argument);
    }
    rules.push({ restriction, argument, onlyWarn });
    onlyWarn = false;
  }
  if (onlyWarn) throw new Fault('syntax', 'warn_if_reject needs a restriction after it');
  return rules;
}

function checkTable(spec: string): void {
  try {
    table(spec);
  } catch (error) {
    throw new Fault('syntax', error instanceof Error ? error.message : String(error));
  }
  const inline = /^inline:\{(.*)\}$/s.exec(spec)?.[1];
  for (const item of inline?.split(',') ?? []) {
    const action = item.slice(item.indexOf('=') + 1).trim();
    if (item.trim() !== '' && !knownActions.test(action.replace(/\}$/, ''))) throw new Fault('syntax', `unknown action "${action}"`);
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
