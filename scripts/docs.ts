// Writes what is made from the rows of the configuration; with --check it only says whether the files are current.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { referencePage, sampleFile } from '../src/server/config/reference.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const made: Readonly<Record<string, string>> = {
  'docs/configuration.md': referencePage(),
  'packaging/postcote.toml': sampleFile(),
};

let stale = 0;
for (const [file, text] of Object.entries(made)) {
  const path = join(root, file);
  let found = '';
  try {
    found = readFileSync(path, 'utf8');
  } catch {}
  if (found === text) continue;
  if (process.argv.includes('--check')) {
    console.error(`${file} is not what the settings say: npm run docs`);
    stale++;
  } else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
process.exit(stale > 0 ? 1 : 0);
