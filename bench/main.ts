// npm run bench [smtp|imap|pop3|relay|auth|idle …] [--peer postfix|dovecot|none] [--runs 3] [--scale 1] [--only W1] [--json]
//   imap: [--parts small,logins,rebuild,large] [--fill append|smtp|maildir]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fillWays } from './drivers/fill.ts';
import { holds, markdown, type Row, ratio } from './report.ts';
import { dovecotInstalled, startDovecot } from './servers/dovecot.ts';
import { startPostcote } from './servers/postcote.ts';
import { postfixInstalled, startPostfix } from './servers/postfix.ts';
import type { BenchServer } from './servers/server.ts';
import { idleSuite } from './suites/idle.ts';
import { imapParts, imapSuite } from './suites/imap.ts';
import { pop3Suite } from './suites/pop3.ts';
import { relaySuite } from './suites/relay.ts';
import { smtpSuite } from './suites/smtp.ts';

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
    /** Of the suite imap. */
    parts: { type: 'string', default: imapParts.join() },
    fill: { type: 'string', default: 'append' },
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
try {
  const accounts = 200;
  const profile = join(root, 'profile');
  const ours = await startPostcote(join(root, 'postcote'), accounts, certificate, {
    workers: Number(values.workers),
    ...(values.profile ? { nodeOptions: `--cpu-prof --cpu-prof-dir=${profile}` } : {}),
  });
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
      rows.push(...(await smtpSuite(ours, peer, runs, scale, only)));
    } else if (suite === 'imap' || suite === 'pop3' || suite === 'idle') {
      dovecot ??= withPeer && dovecotInstalled() ? await startDovecot(join(root, 'dovecot'), accounts, certificate) : null;
      if (dovecot !== null && !started.includes(dovecot)) started.push(dovecot);
      if (suite === 'imap')
        rows.push(...(await imapSuite(ours, dovecot, runs, scale, only, { ...imapOptions, stock: join(root, 'stock') })));
      if (suite === 'pop3') rows.push(...(await pop3Suite(ours, dovecot, runs, scale)));
      if (suite === 'idle') rows.push(...(await idleSuite(ours, dovecot, runs, scale)));
    } else if (suite === 'relay') {
      const nodeOptions = values.profile ? `--cpu-prof --cpu-prof-dir=${profile}` : '';
      const relay = { root, certificate, withPeer, workers: Number(values.workers), nodeOptions };
      rows.push(...(await relaySuite(relay, runs, scale, only)));
    } else {
      throw new Error(`no suite ${suite}; there are: smtp, imap, pop3, idle, relay`);
    }
  }
} finally {
  for (const server of started.reverse()) await server.stop().catch((error: unknown) => console.error(String(error)));
  if (values.keep || values.profile) console.error(`kept: ${root}`);
  else rmSync(root, { recursive: true, force: true });
}

if (values.json)
  console.log(
    JSON.stringify(
      rows.map((row) => ({ ...row, ratio: ratio(row), holds: holds(row) })),
      null,
      2,
    ),
  );
else
  console.log(
    `${cpus().length} cores, ${cpus()[0]?.model ?? ''}, Node ${process.version}, ${runs} runs, scale ${scale}\n\n${markdown(rows)}`,
  );
