// Runs its arguments under the Node that comes with the project when the one at hand is too old for it.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const [major, minor] = process.versions.node.split('.').map(Number);
let node = process.execPath;
if (major < 26 || (major === 26 && minor < 4)) {
  const names = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`];
  const require = createRequire(import.meta.url);
  const found = names.flatMap((name) => {
    try {
      return [join(dirname(require.resolve(`${name}/package.json`)), 'bin', 'node')];
    } catch {
      return [];
    }
  });
  if (found.length === 0) {
    console.error(
      `postcote needs Node 26.4 or newer; this is ${process.version} and no bundled Node is installed for ${process.platform}-${process.arch}`,
    );
    process.exit(69);
  }
  node = found[0];
}

const child = spawn(node, process.argv.slice(2), { stdio: 'inherit' });
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  if (signal === null) process.exit(code ?? 1);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
