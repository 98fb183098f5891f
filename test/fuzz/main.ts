// Changes inputs of every parser, led by the branches that they reach: docs/decisions/0022.
//
//     npm run fuzz [-- MINUTES] [-- --only NAME]
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { seeded } from '../faults/fault-test.ts';
import { countBranches } from './instrument.ts';

const { values, positionals } = parseArgs({ options: { only: { type: 'string' } }, allowPositionals: true });
countBranches('/src/');
const { campaign } = await import('./campaign.ts');
const { keepFailure } = await import('./corpus.ts');
const { growth } = await import('./growth.ts');
const { fuzzTargets } = await import('./list.ts');

const wanted = fuzzTargets.filter(({ name }) => values.only === undefined || name === values.only);
const share = (Number(positionals[0] ?? 1) * 60_000) / wanted.length;
let failed = 0;
const total = { runs: 0, corpus: 0, findings: 0 };
const began = performance.now();
for (const target of wanted) {
  const { runs, corpus, branches, failures, seed } = await campaign(target, share * 0.85);
  const grown = await growth(target, share * 0.15, seeded(randomInt(2 ** 31)));
  const findings = [...failures, ...grown.failures.map(({ input, wrong }) => `${keepFailure(target, input)}: ${wrong}`)];
  if (findings.length > 0) failed++;
  for (const text of findings) console.log(`  ${text}`);
  const power = grown.exponent === 0 ? '' : `, size^${grown.exponent.toFixed(2)}`;
  const heap = grown.heap < 1 ? '' : `, heap ${grown.heap.toFixed(0)} an octet`;
  console.log(
    `${findings.length > 0 ? 'failed' : 'passed'}  ${target.name.padEnd(18)} ${String(runs).padStart(8)} inputs, ${String(corpus).padStart(3)} kept, ${String(branches).padStart(4)} branches, ${findings.length} findings${power}${heap}, seed ${seed}`,
  );
  total.runs += runs;
  total.corpus += corpus;
  total.findings += findings.length;
}
console.log(
  `${total.runs} inputs in ${((performance.now() - began) / 1000).toFixed(0)} s, ${total.corpus} kept, ${total.findings} findings`,
);
console.log(`${wanted.length - failed} passed, ${failed} failed, 0 skipped`);
process.exit(failed > 0 ? 1 : 0);
