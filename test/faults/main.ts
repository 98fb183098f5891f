// Breaks things on purpose and counts: one line a test, then `N passed, N failed, N skipped`.
//
//     npm run faults [-- --long] [-- --only NAME[,NAME…]] [-- --rounds N] [-- --seed N] [-- --workers N] [-- --markdown]
import { spawnSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { Failed, Skip } from './fault-test.ts';
import { faultTests } from './list.ts';

const { values } = parseArgs({
  options: {
    long: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    seed: { type: 'string' },
    workers: { type: 'string', default: '2' },
    list: { type: 'boolean' },
    help: { type: 'boolean' },
    markdown: { type: 'boolean', default: false },
  },
});
const starts = values.only?.split(',').filter((start) => start !== '') ?? [''];
/** A whole name is that test alone, a beginning all that begin so. */
const wanted = faultTests.filter(({ name }) =>
  starts.some((start) => name === start || (name.startsWith(start) && !faultTests.some((one) => one.name === start))),
);
if (values.help === true) {
  console.log(
    [
      'npm run faults [-- --long] [-- --only NAME[,NAME…]] [-- --rounds N] [-- --seed N] [-- --workers N] [-- --markdown]',
      '',
      'Runs the built server, breaks things and counts what was lost; docs/reliability.md says what each test does and how to read it.',
      '  --long      larger: kills, cut points, mutations, seconds',
      '  --only      these alone; a beginning of a name stands for all that begin so',
      '  --rounds    another number of kills, mutations, seconds or clients',
      '  --seed      the one that views said, with the same rounds: the same again',
      '  --workers   processes of the server, where a test does not ask for its own number',
      '  --markdown  the table of docs/reliability.md',
      '  --list      names, in the order in which they run:',
      '',
      ...faultTests.map(({ name }) => `  ${name}`),
    ].join('\n'),
  );
  process.exit(0);
}
if (values.list === true) {
  for (const { name } of wanted) console.log(name);
  process.exit(0);
}
if (wanted.length === 0) {
  console.error(`no test is named ${values.only}; --list names them`);
  process.exit(64);
}

const counts = { passed: 0, failed: 0, skipped: 0 };
const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).stdout?.trim() ?? '';
const head =
  `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC, ${values.long ? 'long' : 'quick'} form, ${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ` +
  `${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}${commit === '' ? '' : `, ${commit}`}`;
console.log(values.markdown ? `${head}\n\n| test | result | seconds | figures |\n| --- | --- | --- | --- |` : head);
for (const test of wanted) {
  const began = performance.now();
  let word: keyof typeof counts = 'passed';
  let text: string;
  try {
    text = await test.run({
      long: values.long,
      workers: Number(values.workers),
      ...(values.rounds === undefined ? {} : { rounds: Number(values.rounds) }),
      ...(values.seed === undefined ? {} : { seed: Number(values.seed) }),
    });
  } catch (error) {
    word = error instanceof Skip ? 'skipped' : 'failed';
    text =
      error instanceof Skip || error instanceof Failed
        ? error.message
        : error instanceof Error
          ? (error.stack ?? error.message)
          : String(error);
  }
  counts[word]++;
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  if (values.markdown) console.log(`| ${test.name} | ${word} | ${seconds} | ${text.replaceAll('|', '/').replaceAll(/\s+/g, ' ')} |`);
  else console.log(`${word.padEnd(7)} ${test.name.padEnd(20)} ${seconds.padStart(6)} s  ${text}`);
}
console.log(`${values.markdown ? '\n' : ''}${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exit(counts.failed > 0 ? 1 : 0);
