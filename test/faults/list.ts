import { accountingTests } from './accounting.ts';
import { clockTests } from './clock.ts';
import { crowdTests } from './crowd.ts';
import { crowdedMailboxTests } from './crowded-mailbox.ts';
import { damageTests } from './damage.ts';
import { deepQueueTests } from './deep-queue.ts';
import { diskFullTests } from './disk-full.ts';
import { existingTests } from './existing.ts';
import { failingDiskTests } from './failing-disk.ts';
import { failingJournalTests } from './failing-journal.ts';
import type { FaultTest } from './fault-test.ts';
import { foreignTests } from './foreign.ts';
import { loginTests } from './logins.ts';
import { parameterTests } from './parameters.ts';
import { postfixTests } from './postfix.ts';
import { powerCutTests } from './power-cut.ts';
import { processTests } from './processes.ts';
import { relayedTextTests } from './relayed-text.ts';
import { resourceTests } from './resources.ts';
import { scarceTests } from './scarce.ts';
import { secondParserTests } from './second-parser.ts';
import { sharedRightsTests } from './shared-rights.ts';
import { smugglingTests } from './smuggling.ts';
import { startTlsTests } from './starttls.ts';
import { tlsRatingTests } from './tls-rating.ts';
import { viewTests } from './views.ts';

/** In the order in which they run. */
export const faultTests: readonly FaultTest[] = [
  ...accountingTests,
  ...existingTests,
  ...deepQueueTests,
  ...postfixTests,
  ...crowdedMailboxTests,
  ...viewTests,
  ...powerCutTests,
  ...diskFullTests,
  ...failingDiskTests,
  ...failingJournalTests,
  ...damageTests,
  ...foreignTests,
  ...processTests,
  ...scarceTests,
  ...crowdTests,
  ...clockTests,
  ...resourceTests,
  ...smugglingTests,
  ...relayedTextTests,
  ...startTlsTests,
  ...parameterTests,
  ...loginTests,
  ...sharedRightsTests,
  ...tlsRatingTests,
  ...secondParserTests,
];
