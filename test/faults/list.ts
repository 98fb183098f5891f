import { accountingTests } from './accounting.ts';
import { damageTests } from './damage.ts';
import { deepQueueTests } from './deep-queue.ts';
import { diskFullTests } from './disk-full.ts';
import { existingTests } from './existing.ts';
import type { FaultTest } from './fault-test.ts';
import { powerCutTests } from './power-cut.ts';
import { processTests } from './processes.ts';
import { resourceTests } from './resources.ts';

/** In the order in which they run. */
export const faultTests: readonly FaultTest[] = [
  ...accountingTests,
  ...existingTests,
  ...deepQueueTests,
  ...powerCutTests,
  ...diskFullTests,
  ...damageTests,
  ...processTests,
  ...resourceTests,
];
