// The server of this checkout, started as users start it.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from './ports.ts';
import { type BenchServer, domain, password, putMailAside } from './server.ts';

const server = join(import.meta.dirname, '../../dist/server.js');
const command = join(import.meta.dirname, '../../dist/cli.js');

export interface PostcoteOptions {
  readonly workers?: number;
  /** Of each account. */
  readonly quota?: string;
  /** TOML put at the end of the configuration. */
  readonly extra?: string;
  /** Words for Node, such as --cpu-prof. */
  readonly nodeOptions?: string;
}

export async function startPostcote(
  root: string,
  accounts: number,
  certificate: { cert: string; key: string },
  options: PostcoteOptions = {},
): Promise<BenchServer> {
  const [smtp, submission, imap, imaps, pop3, http] = (await freePorts(6)) as [number, number, number, number, number, number];
  mkdirSync(join(root, 'data'), { recursive: true });
  const config = join(root, 'postcote.toml');
  writeFileSync(
    config,
    `hostname = "mail.${domain}"
data_dir = "${join(root, 'data')}"
workers = ${options.workers ?? 2}
[mail]
home = "${join(root, 'mail')}/%d/%n"
quota = "${options.quota ?? '0'}"
[listen]
smtp = ["127.0.0.1:${smtp}"]
submission = ["127.0.0.1:${submission}"]
submissions = []
imap = ["127.0.0.1:${imap}"]
imaps = ["127.0.0.1:${imaps}"]
pop3 = ["127.0.0.1:${pop3}"]
pop3s = []
managesieve = []
lmtp = []
http = ["127.0.0.1:${http}"]
[tls]
certificate = "${certificate.cert}"
key = "${certificate.key}"
${options.extra ?? ''}
`,
  );
  execFileSync(process.execPath, [command, '--config', config, 'domain', 'add', domain]);
  const hash = execFileSync('openssl', ['passwd', '-6', password]).toString().trim();
  execFileSync('sqlite3', [join(root, 'data/directory.sqlite')], {
    input: `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${accounts - 1})
      INSERT INTO virtual_users (email, password) SELECT 'u' || i || '@${domain}', '${hash}' FROM n;`,
  });
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    child = spawn(process.execPath, [server, '--config', config], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: options.nodeOptions ?? '' },
    });
    let text = '';
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
      child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
        if (text !== 'ready') text += chunk;
        if (!text.includes('"msg":"ready"')) return;
        text = 'ready';
        resolve();
      });
    });
  };
  const end = async (): Promise<void> => {
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
  };
  await start();
  return {
    name: 'postcote',
    get pids() {
      return [child.pid!];
    },
    ports: { smtp, submission, imap, imaps, pop3 },
    maildir: (name) => join(root, 'mail', domain, name.split('@')[0]!, 'Maildir'),
    async loopDelay() {
      const text = await (await fetch(`http://127.0.0.1:${http}/metrics`)).text();
      const value = (name: string): number =>
        Number(new RegExp(`^postcote_event_loop_delay_seconds_${name} (.*)$`, 'm').exec(text)?.[1] ?? Number.NaN) * 1000;
      return { p99: value('p99'), max: value('max') };
    },
    async dropIndex(name) {
      await end();
      const home = join(root, 'mail', domain, name.split('@')[0]!);
      for (const suffix of ['', '-wal', '-shm']) rmSync(join(home, `postcote.sqlite${suffix}`), { force: true });
      await start();
    },
    async restart(keep = false) {
      await end();
      if (!keep) putMailAside(join(root, 'mail'), accounts);
      await start();
    },
    stop: end,
  };
}
