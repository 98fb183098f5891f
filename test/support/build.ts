import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Programs and threads that tests start come from dist, which loads in a fraction of the time: it must be as new as the sources. */
export default function build(project: TestProject): void {
  buildWhatChanged();
  project.onTestsRerun(buildWhatChanged);
}

function buildWhatChanged(): void {
  const built = join(root, 'dist/server.js');
  const age = existsSync(built) ? statSync(built).mtimeMs : 0;
  // A folder is as new as the last file that came or went.
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) => !name.endsWith('.test.ts'));
  const all = ['scripts/build.ts', 'package-lock.json', 'src', ...sources.map((name) => join('src', name))];
  if (all.every((name) => statSync(join(root, name)).mtimeMs <= age)) return;
  execFileSync(process.execPath, [join(root, 'scripts/build.ts')], { stdio: 'inherit' });
}
