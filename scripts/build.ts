// Builds src/ into dist/: some ten files instead of four hundred, for to find, read and link a module costs more than to compile it.
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const src = join(root, 'src');
const dist = join(root, 'dist');
/** What users and other programs name. */
const entries = ['server', 'cli', 'index'];
/** Where everything else goes: a level below `dist/`, as rooms are a level below `src/`. */
const shared = 'shared';

/** Packages that programs load when they start, without a native half: they go along, with what they need. The others stay where they are. */
const along = ['bcryptjs', 'commander', 'dns-packet', 'ipaddr.js', 'pino', 'smol-toml', 'smtp-server'];
const isApart = (id: string, importer?: string): boolean =>
  /^[^./]/.test(id) && importer?.includes('/node_modules/') !== true && !along.some((name) => id === name || id.startsWith(`${name}/`));

/** Files that run in threads and processes of their own. */
function programs(): string[] {
  const sources = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
  );
  return sources.flatMap((name) =>
    [...readFileSync(join(src, name), 'utf8').matchAll(/\bprogram\('([^']+)'\)/g)].map(([, program]) => program!),
  );
}

const bundle = await rolldown({
  input: Object.fromEntries([...entries, ...programs()].map((name) => [name, join(src, `${name}.ts`)])),
  platform: 'node',
  external: isApart,
});
const { output } = await bundle.write({
  dir: dist,
  format: 'esm',
  sourcemap: true,
  comments: { legal: true, annotation: false, jsdoc: false },
  entryFileNames: '[name].js',
  chunkFileNames: `${shared}/[name].js`,
});
await bundle.close();

for (const { fileName, ...file } of output) {
  if (file.type === 'chunk' && /new URL\([^)]*import\.meta\.url/.test(file.code) && fileName.split('/').length !== 2)
    throw new Error(`${fileName}: looks for files beside itself, but does not lie a level below dist/`);
}
// What looks at Node's version must load under any: docs/decisions/0001.
const chunks = new Map(output.flatMap((file) => (file.type === 'chunk' ? [[file.fileName, file] as const] : [])));
for (const name of ['server.js', 'cli.js']) {
  const seen = [name];
  for (const one of seen) {
    const chunk = chunks.get(one);
    if (chunk === undefined && !one.startsWith('node:')) throw new Error(`${name}: imports ${one} before Node's version is known`);
    seen.push(...(chunk?.imports ?? []).filter((imported) => !seen.includes(imported)));
  }
}

/**
 * V8 keeps the source for as long as the program runs, two octets a character where one of them is beyond Latin-1. What is left of
 * these without comments is in strings and expressions, where an escape means the same.
 */
function inAscii(code: string): string {
  const unsafe = /(?:\\|String\.raw`[^`]*)[^\0-\x7f]/.exec(code);
  if (unsafe !== null) throw new Error(`an escape would mean something else: ${unsafe[0]}`);
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
for (const file of output) if (file.type === 'chunk') writeFileSync(join(dist, file.fileName), inAscii(file.code));

// Of former builds.
const written = new Set(output.map(({ fileName }) => fileName));
for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' }))
  if (/\.js(\.map)?$/.test(name) && !written.has(name.replaceAll(sep, '/'))) rmSync(join(dist, name));
for (const name of ['server.js', 'cli.js']) chmodSync(join(dist, name), 0o755);
