import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { replaceFile, replaceFileLoosely } from './durable-file.ts';
import { readPlainFile } from './plain-file.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-plain-'));
  writeFileSync(join(dir, 'other'), 'of somebody else\n');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('a file in a folder that others may write to', () => {
  it('is read', () => {
    writeFileSync(join(dir, 'plain'), 'é\n');
    expect(readPlainFile(join(dir, 'plain'))).toBe('é\n');
    expect(readPlainFile(join(dir, 'plain'), 'latin1')).toBe('Ã©\n');
  });

  it('is not read through a link, from a pipe or from a folder', () => {
    symlinkSync(join(dir, 'other'), join(dir, 'link'));
    execFileSync('mkfifo', [join(dir, 'pipe')]);
    mkdirSync(join(dir, 'folder'));
    expect(() => readPlainFile(join(dir, 'link'))).toThrow(/ELOOP/);
    expect(() => readPlainFile(join(dir, 'pipe'))).toThrow(/no plain file/);
    expect(() => readPlainFile(join(dir, 'folder'))).toThrow(/no plain file/);
    expect(() => readPlainFile(join(dir, 'none'))).toThrow(/ENOENT/);
  });

  it.each([
    ['replaced', replaceFile],
    ['replaced loosely', replaceFileLoosely],
  ])('is not %s by way of a link that somebody put where its new text is written', (_, replace) => {
    rmSync(join(dir, 'temporary'), { force: true });
    symlinkSync(join(dir, 'made'), join(dir, 'temporary'));
    expect(() => replace(join(dir, 'file'), 'x', join(dir, 'temporary'))).toThrow(/ELOOP/);
    expect(existsSync(join(dir, 'made'))).toBe(false);
  });
});
