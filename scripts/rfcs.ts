// Which RFCs are followed, and where: made from the references in the sources.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { documents } from './rfc-titles.ts';

/** Folders and files named for one document; beyond that, the rest is counted. */
const mostFiles = 8;

/** The page, and what has a reference but no title. */
export function rfcPage(src: string): { readonly text: string; readonly untitled: readonly string[] } {
  const found = new Map<number, Set<string>>(Object.keys(documents).map((number) => [Number(number), new Set()]));
  const untitled: string[] = [];
  for (const file of (readdirSync(src, { recursive: true }) as string[]).map((name) => name.replaceAll('\\', '/')).sort()) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
    for (const [, number] of readFileSync(join(src, file), 'utf8').matchAll(/\bRFC (\d{3,5})\b/g)) {
      const files = found.get(Number(number));
      if (files === undefined) untitled.push(`${file}: RFC ${number} has no title in scripts/rfc-titles.ts`);
      else files.add(file);
    }
  }
  const rows = [...found].sort(([a], [b]) => a - b).map(([number, files]) => row(number, [...files]));
  const text = `# RFCs

Which documents are followed, and where in \`src/\` their sections are met. Made by \`npm run docs\` from the references in the sources; the sections are in the comments there.

| RFC | Title | Followed | Files |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
  return { text, untitled };
}

function row(number: number, files: readonly string[]): string {
  const [title, status = 'Yes', note] = documents[number]!;
  const shown = files.slice(0, mostFiles).map((file) => `\`${file}\``);
  if (files.length > mostFiles) shown.push(`and ${files.length - mostFiles} more`);
  return `| [${number}](https://www.rfc-editor.org/rfc/rfc${number}) | ${title} | ${note === undefined ? status : `${status}: ${note}`} | ${shown.join(', ')} |`;
}
