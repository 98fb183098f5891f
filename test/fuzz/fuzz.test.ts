import { expect, it } from 'vitest';
import { seeded } from '../faults/fault-test.ts';
import { attempt, kept } from './main.ts';
import { fuzzTargets } from './targets.ts';

it.each(fuzzTargets.map((target) => [target.name, target] as const))('%s takes what once failed', (_name, target) => {
  for (const input of [...target.seeds, ...kept(target)]) expect(attempt(target, input, seeded(1)), input).toBeNull();
});
