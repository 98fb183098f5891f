import { join } from 'node:path';
import { replaceFile } from '../../base/durable-file.ts';
import { readPlainFile } from '../../base/plain-file.ts';
import { decodeModifiedUtf7, encodeModifiedUtf7 } from '../../imap/grammar/modified-utf7.ts';

export const subscriptionFileName = 'subscriptions';

/** Reads Dovecot's file: version 2 has tabs between levels, the older one dots. */
export function readSubscriptionFile(root: string): string[] {
  let text = '';
  try {
    text = readPlainFile(join(root, subscriptionFileName));
  } catch {
    return [];
  }
  const lines = text.split('\n').filter((line) => line !== '');
  const tabs = lines[0] === 'V\t2';
  return (tabs ? lines.slice(1) : lines).map((line) =>
    line
      .split(tabs ? '\t' : '.')
      .map(decoded)
      .join('/'),
  );
}

/** Durable on return. */
export function writeSubscriptionFile(root: string, names: readonly string[]): void {
  const lines = names.map((name) => name.split('/').map(encodeModifiedUtf7).join('\t'));
  replaceFile(
    join(root, subscriptionFileName),
    `V\t2\n\n${lines.join('\n')}${lines.length > 0 ? '\n' : ''}`,
    join(root, 'tmp', `subscriptions.${process.pid}`),
  );
}

function decoded(level: string): string {
  try {
    return decodeModifiedUtf7(level);
  } catch {
    return level;
  }
}
