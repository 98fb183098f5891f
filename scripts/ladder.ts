// Checks that imports only go down the ladder of rooms, that SQL stays in tables/, and that only server/ and cli/ read the environment.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Rungs from the bottom. A file may import from lower rungs and from its own room. */
const ladder = [
  ['base'],
  ['mail'],
  ['smtp/grammar', 'imap/grammar', 'pop3/grammar', 'sieve', 'db', 'net'],
  ['directory', 'store', 'queue'],
  ['auth', 'policy', 'delivery', 'relay'],
  ['smtp', 'imap', 'pop3', 'managesieve', 'web', 'cluster'],
  ['server'],
  ['cli'],
  ['server.ts', 'cli.ts', 'index.ts'],
];
const rooms = ladder.flatMap((names, rung) => names.map((name) => ({ name, rung }))).sort((a, b) => b.name.length - a.name.length);
const roomOf = (file: string) => rooms.find((room) => file === room.name || file.startsWith(`${room.name}/`));
const environmentRung = ladder.findIndex((names) => names.includes('server'));

let wrong = 0;
const complain = (text: string): void => {
  console.error(text);
  wrong++;
};

const src = process.argv[2] ?? 'src';
for (const file of readdirSync(src, { recursive: true }) as string[]) {
  if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
  const text = readFileSync(join(src, file), 'utf8');
  const from = roomOf(file);
  if (from === undefined) {
    complain(`${file}: in no room`);
    continue;
  }
  for (const [, spec] of text.matchAll(/(?:from|import|import\()\s*'(\.[^']+)'/g)) {
    const target = join(dirname(file), spec ?? '');
    const to = roomOf(target);
    if (to !== undefined && to.name !== from.name && to.rung >= from.rung) complain(`${file}: ${from.name} must not import ${target}`);
  }
  if (/\.prepare(?:<[^(]*>)?\(\s*['"`]/.test(text) && !file.includes('/tables/') && from.name !== 'db')
    complain(`${file}: SQL outside a tables folder`);
  if (/\bprocess\.(env|argv)\b/.test(text) && from.rung < environmentRung) complain(`${file}: reads the environment`);
  if (text.split('\n').length > 500) complain(`${file}: over 500 lines`);
}
process.exit(wrong > 0 ? 1 : 0);
