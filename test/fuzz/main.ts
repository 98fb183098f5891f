// Feeds parsers with inputs changed at random, from seeds and from what once failed (corpus/).
//
//     npm run fuzz [-- MINUTES] [-- --only NAME]
import { createHash, randomInt } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Fault } from '../../src/mail/fault.ts';
import { seeded } from '../faults/fault-test.ts';
import { type FuzzTarget, fuzzTargets } from './targets.ts';

const corpus = fileURLToPath(new URL('./corpus/', import.meta.url));
/** Octets an input may grow to, and milliseconds one may take. */
const longest = 20_000;
const patience = 1000;
const marks = [
  '\r\n',
  '\n',
  '\0',
  '"',
  '\\',
  '(',
  ')',
  '{9}',
  '=?',
  '?=',
  ';',
  '--b c',
  '\xff',
  '%',
  '*',
  '&',
  '<',
  '>',
  '[',
  ']',
  ',',
  ':',
  '4294967296',
  '__proto__',
];

export const folderOf = (target: FuzzTarget): string => join(corpus, target.name.replaceAll(' ', '-').toLowerCase());

/** Inputs that failed once. */
export function kept(target: FuzzTarget): string[] {
  try {
    return readdirSync(folderOf(target)).map((name) => readFileSync(join(folderOf(target), name), 'latin1'));
  } catch {
    return [];
  }
}

/** @returns what is wrong with the target's answer, or null */
export function attempt(target: FuzzTarget, input: string, random: () => number): string | null {
  const began = performance.now();
  try {
    target.run(input, random);
  } catch (error) {
    if (!(error instanceof Fault)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const took = performance.now() - began;
  return took > patience ? `took ${Math.round(took)} ms` : null;
}

function mutate(input: string, other: string, random: () => number): string {
  let text = input;
  for (let i = Math.floor(random() * 4); i >= 0; i--) {
    const at = Math.floor(random() * (text.length + 1));
    const end = at + Math.floor(random() * 12);
    const kind = Math.floor(random() * 6);
    const piece =
      kind === 0
        ? ''
        : kind === 1
          ? String.fromCharCode(Math.floor(random() * 256))
          : kind === 2
            ? marks[Math.floor(random() * marks.length)]!
            : kind === 3
              ? text.slice(at, end).repeat(1 + Math.floor(random() * 200))
              : kind === 4
                ? other.slice(at % (other.length + 1))
                : text.slice(at, end).toUpperCase();
    text = text.slice(0, at) + piece + text.slice(kind === 2 ? at : end);
  }
  return text.slice(0, longest);
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({ options: { only: { type: 'string' } }, allowPositionals: true });
  const wanted = fuzzTargets.filter(({ name }) => values.only === undefined || name === values.only);
  const share = (Number(positionals[0] ?? 1) * 60_000) / wanted.length;
  let failed = 0;
  for (const target of wanted) {
    const seed = randomInt(2 ** 31);
    const random = seeded(seed);
    const pool = [...target.seeds, ...kept(target)];
    const pick = () => pool[Math.floor(random() * pool.length)]!;
    const end = performance.now() + share;
    const seen = new Set<string>();
    let runs = 0;
    while (performance.now() < end && seen.size < 5) {
      const input = mutate(pick(), pick(), random);
      const wrong = attempt(target, input, random);
      // Without coverage to go by, what has come far enough to be long is worth another change.
      if (runs++ % 50 === 0 && pool.length < 500) pool.push(input);
      if (wrong === null) continue;
      const key = wrong.split('\n').slice(0, 2).join(' ');
      if (seen.has(key)) continue;
      seen.add(key);
      mkdirSync(folderOf(target), { recursive: true });
      const file = join(folderOf(target), createHash('sha1').update(input, 'latin1').digest('hex').slice(0, 12));
      writeFileSync(file, input, 'latin1');
      console.log(`  ${file}: ${wrong.split('\n').slice(0, 4).join('\n    ')}`);
    }
    if (seen.size > 0) failed++;
    console.log(`${seen.size > 0 ? 'failed' : 'passed'}  ${target.name.padEnd(14)} ${runs} inputs, seed ${seed}`);
  }
  console.log(`${wanted.length - failed} passed, ${failed} failed, 0 skipped`);
  process.exit(failed > 0 ? 1 : 0);
}
