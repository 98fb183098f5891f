import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

const program = `
import { cachedDataVersionTag, getHeapStatistics } from 'node:v8';
import { collectWhenIdle } from ${JSON.stringify(new URL('idle-collection.ts', import.meta.url).href)};
const held = () => getHeapStatistics().total_heap_size;
const keep = [];
for (let n = 0; n < 3_000_000; n++) keep[n % 60_000] = { n };
keep.length = 0;
const before = held();
const tag = cachedDataVersionTag();
collectWhenIdle(50);
const keepsCode = cachedDataVersionTag() === tag;
const deadline = Date.now() + 5_000;
const timer = setInterval(() => {
  if (held() > before - (8 << 20) && Date.now() < deadline) return;
  clearInterval(timer);
  console.log(JSON.stringify([before, held(), keepsCode]));
}, 20);
`;

it('gives back what a wave of work left, and leaves compiled code usable for threads that start later', () => {
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  const [before, after, keepsCode] = JSON.parse(said) as [number, number, boolean];
  expect(before).toBeGreaterThan(24 << 20);
  expect(after).toBeLessThan(before - (8 << 20));
  expect(keepsCode).toBe(true);
});
