import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { tryLock } from './file-lock.ts';

const dir = mkdtempSync(join(tmpdir(), 'postcote-lock-'));
afterAll(() => rmSync(dir, { recursive: true }));

describe('tryLock', () => {
  it('is held once in a process', () => {
    const path = join(dir, 'a');
    const first = tryLock(path)!;
    expect(tryLock(path)).toBeNull();
    expect(tryLock(path)).toBeNull();
    first.release();
    const second = tryLock(path);
    expect(second).not.toBeNull();
    second!.release();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('is held once among processes and dies with its holder', async () => {
    const path = join(dir, 'b');
    const source = fileURLToPath(new URL('./file-lock.ts', import.meta.url));
    const code = `const { tryLock } = await import(${JSON.stringify(source)}); globalThis.lock = tryLock(${JSON.stringify(path)}); console.log(globalThis.lock !== null); setInterval(() => {}, 1000);`;
    const other = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [answer] = (await once(other.stdout, 'data')) as [Buffer];
    expect(answer.toString().trim()).toBe('true');
    expect(tryLock(path)).toBeNull();
    // A refused attempt must not take the other's lock away.
    expect(tryLock(path)).toBeNull();
    other.kill('SIGKILL');
    await once(other, 'exit');
    const lock = tryLock(path);
    expect(lock).not.toBeNull();
    lock!.release();
  });
});
