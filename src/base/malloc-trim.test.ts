import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

const program = `
import { mallocTrim } from ${JSON.stringify(new URL('malloc-trim.ts', import.meta.url).href)};
const held = () => process.memoryUsage.rss();
const pieces = Array.from({ length: 1000 }, () => Buffer.allocUnsafeSlow(50_000).fill(1));
const kept = pieces.filter((_, n) => n % 20 === 19);
for (const piece of pieces) if (!kept.includes(piece)) piece.buffer.transfer(0);
const before = held();
mallocTrim();
console.log(JSON.stringify([before - held(), kept.every((piece) => piece[49_999] === 1)]));
`;

const isGlibc =
  (process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }).header.glibcVersionRuntime !== undefined;

it.runIf(isGlibc)('gives back what is free between pieces in use, without a word', () => {
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', stdio: 'pipe' });
  const [given, isWhole] = JSON.parse(said) as [number, boolean];
  expect(given).toBeGreaterThan(30 << 20);
  expect(isWhole).toBe(true);
});
