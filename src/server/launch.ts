// Runs under any Node from 18 on: built-in modules only, so that nothing native is imported before the version is known.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { heapFlags, mallocSettings } from './heap-flags.ts';

/** The newest thing we need is net.BoundSocket: ports bound before root is given up, for workers that come and go. */
const needed = [26, 4] as const;

export function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > needed[0] || (major === needed[0] && minor >= needed[1]);
}

/** The Node that was installed beside us, or null. */
export function bundledNode(platform = process.platform, arch: string = process.arch): string | null {
  const require = createRequire(import.meta.url);
  for (const name of [`node-${platform}-${arch}`, `node-bin-${platform}-${arch}`]) {
    try {
      return join(dirname(require.resolve(`${name}/package.json`)), 'bin', 'node');
    } catch {}
  }
  return null;
}

/**
 * Runs `main` here, or the whole program again under the bundled Node when this one is too old. The old process then only passes
 * signals down and the exit code up; when it is killed the IPC channel closes and the new one ends by itself.
 */
export async function launch(main: () => Promise<void>): Promise<void> {
  // Before anything uses the pool: files, DNS and compression share it, and four threads are few beside a slow disk.
  process.env.UV_THREADPOOL_SIZE ??= '8';
  if (isNewEnough(process.versions.node)) {
    // Set by the launcher below; the descriptor must not reach our own children.
    if (process.env.POSTCOTE_LAUNCHED !== undefined) {
      delete process.env.POSTCOTE_LAUNCHED;
      process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
      process.channel?.unref();
    }
    return main();
  }
  const node = bundledNode();
  if (node === null) {
    process.stderr.write(
      `postcote needs Node ${needed.join('.')} or newer; this is ${process.version} and none is bundled for ${process.platform}-${process.arch}\n`,
    );
    process.exit(69);
  }
  const child = spawn(node, [...heapFlags, ...process.execArgv, ...process.argv.slice(1)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...mallocSettings, ...process.env, POSTCOTE_LAUNCHED: '1' },
  });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGQUIT'] as const) {
    // From a terminal the whole group gets ^C already; the second one changes nothing.
    process.on(signal, () => child.kill(signal));
  }
  child.on('error', (error) => {
    process.stderr.write(`postcote cannot run ${node}: ${error.message}\n`);
    process.exit(69);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
    // A signal that is ignored here leaves the shell's convention.
    process.exit(128 + constants.signals[signal]);
  });
}
