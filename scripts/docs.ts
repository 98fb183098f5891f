// Writes what is made from the rows of the configuration and from the sources; with --check it only says whether the files are current.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { referencePage, sampleFile } from '../src/server/config/reference.ts';
import { rfcPage } from './rfcs.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const rfcs = rfcPage(join(root, 'src'));
const made: Readonly<Record<string, string>> = {
  'docs/configuration.md': referencePage(),
  'docs/rfcs.md': rfcs.text,
  'packaging/postcote.toml': sampleFile(),
};

let stale = rfcs.untitled.length;
for (const line of rfcs.untitled) console.error(line);
for (const [file, text] of Object.entries(made)) {
  const path = join(root, file);
  let found = '';
  try {
    found = readFileSync(path, 'utf8');
  } catch {}
  if (found === text) continue;
  if (process.argv.includes('--check')) {
    console.error(`${file} is not what the sources say: npm run docs`);
    stale++;
  } else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
process.exit(stale > 0 ? 1 : 0);
