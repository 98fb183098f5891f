// What is kept: inputs that reach each branch (NAME.jsonl, one JSON string a line), and those that once failed (NAME/).
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FuzzTarget } from './target.ts';

const folder = fileURLToPath(new URL('./corpus/', import.meta.url));
const fileName = ({ name }: FuzzTarget): string => join(folder, name.replaceAll(/[^A-Za-z0-9]+/g, '-').toLowerCase());

/** Inputs that failed once. */
export function failedOnce(target: FuzzTarget): string[] {
  try {
    return readdirSync(fileName(target)).map((name) => readFileSync(join(fileName(target), name), 'latin1'));
  } catch {
    return [];
  }
}

/** @returns where it is */
export function keepFailure(target: FuzzTarget, input: string): string {
  mkdirSync(fileName(target), { recursive: true });
  const file = join(fileName(target), createHash('sha1').update(input, 'latin1').digest('hex').slice(0, 12));
  writeFileSync(file, input, 'latin1');
  return file;
}

/** Inputs that together reach every branch reached so far. */
export function reaching(target: FuzzTarget): string[] {
  try {
    return readFileSync(`${fileName(target)}.jsonl`, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as string);
  } catch {
    return [];
  }
}

export function keepReaching(target: FuzzTarget, inputs: readonly string[]): void {
  mkdirSync(folder, { recursive: true });
  // ASCII only, so that editors and diffs leave the octets alone.
  const line = (input: string): string =>
    `${JSON.stringify(input).replace(/[\x7f-\xff]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`)}\n`;
  writeFileSync(`${fileName(target)}.jsonl`, inputs.map(line).join(''));
}
