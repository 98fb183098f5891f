import { expect, it } from 'vitest';
import { seeded } from '../faults/fault-test.ts';
import { failedOnce, reaching } from './corpus.ts';
import { fuzzTargets } from './list.ts';
import { attempt } from './target.ts';

it.each(fuzzTargets.map((target) => [target.name, target] as const))('%s takes what reached it once', async (_name, target) => {
  for (const input of [...target.seeds, ...failedOnce(target), ...reaching(target)])
    expect(await attempt(target, input, seeded(1)), JSON.stringify(input)).toBeNull();
});
