import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeApart } from './make-apart.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-apart-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** null where the file system has no such marks. */
function isMarked(path: string): boolean | null {
  try {
    return execFileSync('lsattr', ['-d', path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split(' ')[0]!
      .includes('T');
  } catch {
    return null;
  }
}

test('the first folder marks its parent, those that follow find it marked', ({ skip }) => {
  const domain = join(dir, 'mail', 'example.test');
  makeApart(join(domain, 'anna'));
  makeApart(join(domain, 'boris'));
  expect(statSync(join(domain, 'anna')).mode & 0o777).toBe(0o700);
  expect(statSync(join(domain, 'boris')).isDirectory()).toBe(true);
  const marked = isMarked(domain);
  if (marked === null) return skip('no marks on this file system');
  expect(marked).toBe(true);
  expect(isMarked(join(domain, 'anna'))).toBe(false);
});

test('a folder that holds something already stays as it is', () => {
  mkdirSync(join(dir, 'lost+found'));
  makeApart(join(dir, 'anna'));
  expect(isMarked(dir)).not.toBe(true);
});

test('where there is no chattr the folder is made all the same', () => {
  const path = process.env.PATH;
  process.env.PATH = dir;
  try {
    makeApart(join(dir, 'example.test', 'anna'));
  } finally {
    process.env.PATH = path;
  }
  expect(statSync(join(dir, 'example.test', 'anna')).isDirectory()).toBe(true);
});
