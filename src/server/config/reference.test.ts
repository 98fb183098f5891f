import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { loadConfig } from './load.ts';
import { referencePage, sampleFile } from './reference.ts';
import { settingNames } from './settings.ts';

const root = join(import.meta.dirname, '../../..');

describe('what is made from the settings', () => {
  it.each([
    ['docs/configuration.md', referencePage()],
    ['packaging/postcote.toml', sampleFile()],
  ])('%s is current (npm run docs)', (file, text) => {
    expect(readFileSync(join(root, file), 'utf8')).toBe(text);
  });

  it('the sample is TOML with and without its comment signs, and sets what it says', () => {
    expect(Object.values(parse(sampleFile())).every((section) => Object.keys(section as object).length === 0)).toBe(true);
    const all = parse(sampleFile().replace(/^#(?=\w+ = )/gm, ''));
    const flat = Object.entries(all).flatMap(([key, value]) =>
      typeof value === 'object' && !Array.isArray(value)
        ? Object.entries(value).map(([inner, v]) => [`${key}.${inner}`, v])
        : [[key, value]],
    );
    expect(flat.map(([name]) => name as string).sort()).toEqual([...settingNames].sort());
    expect(() => loadConfig({ values: Object.fromEntries(flat) as Record<string, unknown>, env: {} })).not.toThrow();
  });
});
