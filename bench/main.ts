// npm run bench [smtp|imap|pop3|relay|auth|idle|growth|soak …] [--peer postfix|dovecot|none] [--runs 3] [--scale 1] [--only W1]
//   [--workers 2] [--json] [--profile: the ten hottest functions of each process and thread]
//   smtp: [--warm 0: messages that each server takes, unmeasured, between its start and each run]
//   imap: [--parts small,logins,rebuild,large] [--fill append|smtp|maildir]: each run fills its own mailboxes
//   growth: [--only 'messages|folders|accounts|queue', or a work of them: 'folders: delivery']
//   soak: [--minutes 60] [--bound 20: megabytes an hour] [--pace 120: messages a second instead of half of what it takes]
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fillWays } from './drivers/fill.ts';
import { growthTable, isFlat, slopes } from './growth.ts';
import { type ProfileSummary, profileTable, readProfiles } from './profile.ts';
import { holds, markdown, type Row, ratio } from './report.ts';
import { dovecotInstalled, startDovecot } from './servers/dovecot.ts';
import { startPostcote } from './servers/postcote.ts';
import { postfixInstalled, startPostfix } from './servers/postfix.ts';
import type { BenchServer } from './servers/server.ts';
import { authSuite } from './suites/auth.ts';
import { type GrowthTable, growthSuite } from './suites/growth.ts';
import { idleSuite } from './suites/idle.ts';
import { imapParts, imapSuite } from './suites/imap.ts';
import { pop3Suite } from './suites/pop3.ts';
import { relaySuite } from './suites/relay.ts';
import { smtpSuite } from './suites/smtp.ts';
import { type Soak, soak, soakText } from './suites/soak.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    peer: { type: 'string', default: 'installed' },
    runs: { type: 'string', default: '3' },
    scale: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    workers: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    /** Of idle connections, and whether they are under TLS. */
    count: { type: 'string', default: '1000' },
    tls: { type: 'boolean', default: false },
    /** Of the suite smtp. */
    warm: { type: 'string', default: '0' },
    /** Of the suite imap. */
    parts: { type: 'string', default: imapParts.join() },
    fill: { type: 'string', default: 'append' },
    /** Of the suite soak. */
    minutes: { type: 'string', default: '60' },
    bound: { type: 'string', default: '20' },
    pace: { type: 'string', default: '0' },
    /** Where the servers' folders go: a disk like the one mail will lie on, not a memory file system. */
    dir: { type: 'string', default: process.env.BENCH_DIR ?? (process.platform === 'linux' ? '/var/tmp' : tmpdir()) },
  },
});
const suites = positionals.length > 0 ? positionals : ['smtp'];
const runs = Number(values.runs);
const scale = Number(values.scale);
const only = new RegExp(values.only, 'i');
const imapOptions = {
  parts: imapParts.filter((part) => values.parts.split(',').includes(part)),
  fill: fillWays.find((way) => way === values.fill) ?? 'append',
};
const withPeer = values.peer !== 'none';

const root = mkdtempSync(join(values.dir, 'postcote-bench-'));
const certificate = { cert: join(root, 'cert.pem'), key: join(root, 'key.pem') };
execFileSync(
  'openssl',
  [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '30',
    '-subj',
    '/CN=mail.bench.test',
    '-keyout',
    certificate.key,
    '-out',
    certificate.cert,
  ],
  { stdio: 'ignore' },
);
execFileSync('chmod', ['755', root]);

const started: BenchServer[] = [];
const rows: Row[] = [];
const tables: GrowthTable[] = [];
const soaks: Soak[] = [];
let profiles: readonly ProfileSummary[] = [];
const bound = Number(values.bound);
/** Milliseconds of CPU: differences of a cost that are the machine's. */
const noise = 0.1;
const profile = join(root, 'profile');
const nodeOptions = values.profile ? `--cpu-prof --cpu-prof-dir=${profile}` : '';
const workers = Number(values.workers);
try {
  const accounts = 200;
  const ours = await startPostcote(join(root, 'postcote'), accounts, certificate, { workers, nodeOptions });
  started.push(ours);
  let dovecot: BenchServer | null = null;
  for (const suite of suites) {
    if (suite === 'smtp') {
      let peer: BenchServer | null = null;
      if (withPeer && postfixInstalled()) {
        const sasl = dovecotInstalled() ? await startDovecot(join(root, 'sasl'), accounts, certificate) : null;
        if (sasl !== null) started.push(sasl);
        const postfix = await startPostfix(join(root, 'postfix'), accounts, sasl?.authSocket ?? null, certificate);
        started.push(postfix);
        // SASL costs count for Postfix: it cannot do without them.
        peer =
          sasl === null
            ? postfix
            : {
                ...postfix,
                restart: (keep) => postfix.restart(keep),
                stop: () => postfix.stop(),
                get pids() {
                  return [...postfix.pids, ...sasl.pids];
                },
              };
      }
      rows.push(...(await smtpSuite(ours, peer, runs, scale, only, Number(values.warm))));
    } else if (suite === 'imap' || suite === 'pop3' || suite === 'idle' || suite === 'auth') {
      dovecot ??= withPeer && dovecotInstalled() ? await startDovecot(join(root, 'dovecot'), accounts, certificate) : null;
      if (dovecot !== null && !started.includes(dovecot)) started.push(dovecot);
      if (suite === 'imap')
        rows.push(...(await imapSuite(ours, dovecot, runs, scale, only, { ...imapOptions, stock: join(root, 'stock') })));
      if (suite === 'pop3') rows.push(...(await pop3Suite(ours, dovecot, runs, scale, only)));
      if (suite === 'auth') rows.push(...(await authSuite(ours, dovecot, runs, scale, only)));
      if (suite === 'idle') rows.push(...(await idleSuite(ours, dovecot, runs, scale, { count: Number(values.count), tls: values.tls })));
    } else if (suite === 'relay') {
      rows.push(...(await relaySuite({ root, certificate, withPeer, workers, nodeOptions }, runs, scale, only)));
    } else if (suite === 'growth') {
      tables.push(...(await growthSuite({ root, certificate, workers, nodeOptions }, scale, only)));
    } else if (suite === 'soak') {
      await ours.restart();
      soaks.push(await soak(ours, Number(values.minutes), bound, Number(values.pace)));
    } else {
      throw new Error(`no suite ${suite}; there are: smtp, imap, pop3, idle, auth, relay, growth, soak`);
    }
  }
} finally {
  for (const server of started.reverse()) await server.stop().catch((error: unknown) => console.error(String(error)));
  // Written when a process ends.
  if (values.profile && existsSync(profile)) profiles = readProfiles(profile);
  if (values.keep || values.profile) console.error(`kept: ${root}`);
  else rmSync(root, { recursive: true, force: true });
}

if (values.json) {
  const growth = tables.map(({ rows: works, ...table }) => ({
    ...table,
    rows: works.map((row) => ({ ...row, slopes: slopes(row), flat: isFlat(row, noise) })),
  }));
  const results = rows.map((row) => ({ ...row, ratio: ratio(row), holds: holds(row) }));
  console.log(JSON.stringify({ rows: results, growth, soak: soaks, profiles }, null, 2));
} else {
  console.log(`${cpus().length} cores, ${cpus()[0]?.model ?? ''}, Node ${process.version}, ${runs} runs, scale ${scale}`);
  if (rows.length > 0) console.log(`\n${markdown(rows)}`);
  for (const { name, sizes, rows: works } of tables) console.log(`\nBy ${name}:\n\n${growthTable(sizes, works, noise)}`);
  for (const one of soaks) console.log(`\n${soakText(one, bound)}`);
  if (profiles.length > 0) console.log(`\n${profileTable(profiles)}`);
}
if (soaks.some((one) => !one.holds)) process.exitCode = 1;
