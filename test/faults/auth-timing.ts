// Whether the time of a refusal tells an unknown user from a wrong password: two samples of equal size, two-sided Kolmogorov–Smirnov test.
//
//     node scripts/with-node.mjs test/faults/auth-timing.ts [--samples 300] [--beat 50] [--scheme SHA512-CRYPT]
//
// `--beat 0` shows the bare times. Exit code 1 when p <= 0.05.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createAuthenticator } from '../../src/auth/create.ts';
import { hashPassword } from '../../src/auth/password.ts';
import { openDirectory } from '../../src/directory/open.ts';

const { values } = parseArgs({
  options: {
    samples: { type: 'string', default: '300' },
    beat: { type: 'string', default: '50' },
    scheme: { type: 'string', default: 'SHA512-CRYPT' },
  },
});
const samples = Number(values.samples);

const dir = mkdtempSync(join(tmpdir(), 'postcote-timing-'));
const directory = openDirectory({ file: join(dir, 'directory.sqlite'), home: '/mail/%d/%n', quota: 0, recipientDelimiter: '+' });
directory.manage.addDomain('example.com');
directory.manage.addUser('ann@example.com', await hashPassword('secret', values.scheme));
const auth = createAuthenticator(
  {
    allowCleartext: false,
    mechanisms: ['PLAIN'],
    defaultScheme: 'SHA512-CRYPT',
    realm: '',
    cacheTtl: 0,
    failureBeat: Number(values.beat),
    throttle: { networkFailures: 1e9, accountFailures: 1e9 },
  },
  { directory },
);

async function time(name: string, i: number): Promise<number> {
  const start = performance.now();
  await auth.login(name, `guess ${i}`, { service: 'imap', remoteAddress: '192.0.2.1', secure: true }).catch(() => {});
  return performance.now() - start;
}

const known: number[] = [];
const unknown: number[] = [];
for (let i = -20; i < samples; i++) {
  const first = Math.random() < 0.5;
  for (const isKnown of [first, !first]) {
    const took = await time(isKnown ? 'ann@example.com' : 'bob@example.com', i);
    // The first ones warm up.
    if (i >= 0) (isKnown ? known : unknown).push(took);
  }
}
await auth.close();
directory.close();
rmSync(dir, { recursive: true, force: true });

const { distance, p } = kolmogorovSmirnov(known, unknown);
const median = (times: number[]): string => times.sort((a, b) => a - b)[times.length >> 1]!.toFixed(3);
console.log(
  `auth-timing: ${samples} each, ${values.scheme}, beat ${values.beat} ms: wrong password ${median(known)} ms, unknown user ${median(unknown)} ms, ` +
    `D = ${distance.toFixed(4)}, p = ${p.toFixed(3)}: ${p > 0.05 ? 'passed' : 'failed'}`,
);
process.exitCode = p > 0.05 ? 0 : 1;

/** Largest distance between the two distributions, and how likely one so large is by chance. */
function kolmogorovSmirnov(a: readonly number[], b: readonly number[]): { distance: number; p: number } {
  const all = [...a.map((value) => ({ value, step: 1 / a.length })), ...b.map((value) => ({ value, step: -1 / b.length }))];
  all.sort((x, y) => x.value - y.value);
  let [sum, distance] = [0, 0];
  for (const { step } of all) {
    sum += step;
    distance = Math.max(distance, Math.abs(sum));
  }
  const root = Math.sqrt((a.length * b.length) / (a.length + b.length));
  const lambda = (root + 0.12 + 0.11 / root) * distance;
  let p = 0;
  for (let k = 1; k <= 100; k++) p += 2 * (-1) ** (k - 1) * Math.exp(-2 * k * k * lambda * lambda);
  return { distance, p: Math.min(1, Math.max(0, lambda < 0.2 ? 1 : p)) };
}
