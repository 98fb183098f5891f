/**
 * Where each key of a TOML text stands: `smtp.banner` → 12. The parser gives no positions, so this reads headers and keys itself;
 * brackets and multi-line strings that span lines are stepped over.
 */
export function keyLines(toml: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  let section: string[] = [];
  let depth = 0;
  let fence: string | null = null;
  for (const [index, raw] of toml.split('\n').entries()) {
    if (fence !== null) {
      if (raw.includes(fence)) fence = null;
      continue;
    }
    const line = raw.trim();
    if (depth === 0) {
      const header = /^\[\[?([^\]]+)\]\]?\s*(?:#.*)?$/.exec(line);
      if (header !== null) {
        section = keyParts(header[1]!);
        remember(section, index + 1);
        continue;
      }
      const key = /^((?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=/.exec(line);
      if (key !== null) remember([...section, ...keyParts(key[1]!)], index + 1);
    }
    const opened = /("""|''')/.exec(line);
    if (opened !== null && line.split(opened[1]!).length % 2 === 0) {
      fence = opened[1]!;
      continue;
    }
    const bare = line.replace(/"(?:[^"\\]|\\.)*"|'[^']*'/g, '').replace(/#.*/, '');
    for (const c of bare) {
      if (c === '[' || c === '{') depth++;
      if (c === ']' || c === '}') depth = Math.max(0, depth - 1);
    }
  }
  return lines;

  function remember(parts: readonly string[], line: number): void {
    const name = parts.join('.');
    if (!lines.has(name)) lines.set(name, line);
  }
}

function keyParts(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+)/g)].map((m) => m[1] ?? m[2] ?? m[3]!);
}
