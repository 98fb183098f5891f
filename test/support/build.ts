import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Programs that tests start come from dist, which loads in a fraction of the time: it must be as new as the sources. */
export default function build(): void {
  const built = join(root, 'dist/server.js');
  const age = existsSync(built) ? statSync(built).mtimeMs : 0;
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
  );
  if (sources.every((name) => statSync(join(root, 'src', name)).mtimeMs <= age)) return;
  execFileSync(process.execPath, [join(root, 'scripts/build.ts')], { stdio: 'inherit' });
}
