import { join } from 'node:path';
import { replaceFile } from '../../base/durable-file.ts';
import { readPlainFile } from '../../base/plain-file.ts';

export const keywordFileName = 'dovecot-keywords';

/** Names by letter (0 = a), as Dovecot keeps them: a line `NUMBER NAME` each. Empty where there is none. */
export function readKeywordFile(folder: string): Map<number, string> {
  const names = new Map<number, string>();
  let text = '';
  try {
    text = readPlainFile(join(folder, keywordFileName));
  } catch {
    return names;
  }
  for (const line of text.split('\n')) {
    const match = /^(\d{1,2}) (\S.*)$/.exec(line);
    if (match !== null && Number(match[1]) < 26) names.set(Number(match[1]), match[2]!);
  }
  return names;
}

/** Durable on return. */
export function writeKeywordFile(folder: string, names: readonly string[]): void {
  const text = names.map((name, letter) => (name === '' ? '' : `${letter} ${name}\n`)).join('');
  replaceFile(join(folder, keywordFileName), text, join(folder, 'tmp', `${keywordFileName}.${process.pid}`));
}
