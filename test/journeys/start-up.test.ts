import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSelfSigned } from '../../src/server/certificates.ts';
import { bundledNode } from '../../src/server/launch.ts';
import { type ServerProcess, spawnServer, temporaryFolder } from '../support/server.ts';

const any = Object.fromEntries(
  ['SMTP', 'SUBMISSION', 'SUBMISSIONS', 'IMAP', 'IMAPS', 'POP3', 'POP3S', 'HTTP'].map((name) => [
    `POSTCOTE_LISTEN__${name}`,
    '127.0.0.1:0',
  ]),
);

let folder: ReturnType<typeof temporaryFolder>;
let running: ServerProcess[] = [];
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  for (const server of running) {
    server.kill('SIGKILL');
    await server.exited;
  }
  running = [];
  folder.remove();
});

function start(options: Partial<Parameters<typeof spawnServer>[0]> = {}): ServerProcess {
  const server = spawnServer({ cwd: folder.path, ...options, env: { ...any, POSTCOTE_WORKERS: '1', ...options.env } });
  running.push(server);
  return server;
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

const workersOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);

async function until(what: string, condition: () => boolean | Promise<boolean>, ms = 30_000): Promise<void> {
  for (const end = Date.now() + ms; Date.now() < end; ) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`not within ${ms} ms: ${what}`);
}

const get = async (port: number, path: string) => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, text: await response.text() };
};

const certificateAt = (port: number, servername: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = tlsConnect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()!.fingerprint256);
      socket.destroy();
    });
    socket.on('error', reject);
  });

describe('start', () => {
  it.each(['1', '2'])('serves the embedded default with %s workers, says ready once, and stops with 0', async (workers) => {
    const server = start({ env: { POSTCOTE_WORKERS: workers, POSTCOTE_LISTEN__MANAGESIEVE: '127.0.0.1:0' } });
    await server.line('ManageSieve is not served by this version: nothing listens there');
    const ready = await server.line('ready');
    expect(ready.listeners).toHaveLength(8);
    // What serves has what spares memory. A worker's title hides it.
    if (workers === '1') {
      expect(readFileSync(`/proc/${server.pid}/cmdline`, 'utf8')).toContain('\0--max-semi-space-size=4\0');
      expect(readFileSync(`/proc/${server.pid}/environ`, 'utf8')).toContain('MALLOC_ARENA_MAX=2\0');
    }
    expect(ready.listeners).toContainEqual({ name: 'imap', host: '127.0.0.1', port: expect.any(Number) as number });
    const accounts = join(folder.path, 'var/demo-accounts.txt');
    expect(statSync(accounts).mode & 0o777).toBe(0o600);
    expect(readFileSync(accounts, 'utf8')).toMatch(/^user1@example\.com \S{12,}\nuser2@example\.com \S{12,}\n$/);
    expect(JSON.stringify(server.log)).not.toContain(readFileSync(accounts, 'utf8').split(/[ \n]/)[1]);
    expect(statSync(join(folder.path, 'var')).mode & 0o777).toBe(0o700);
    expect(await get(server.port('http'), '/healthz')).toEqual({ status: 200, text: 'ok\n' });
    expect((await get(server.port('http'), '/.well-known/mta-sts.txt')).text).toMatch(/^version: STSv1\r\nmode: testing\r\nmx: \S+\r\n/);
    const metrics = await get(server.port('http'), '/metrics');
    expect(metrics.text).toContain(`postcote_workers ${workers}\n`);
    expect((await get(server.port('http'), '/../etc/passwd')).status).toBe(404);
    server.kill('SIGTERM');
    expect(await server.exited).toBe(0);
    expect(server.log.filter(({ msg }) => msg === 'ready')).toHaveLength(1);
  });

  it('keeps passwords and certificate over a restart', async () => {
    const first = start();
    await first.line('ready');
    const accounts = readFileSync(join(folder.path, 'var/demo-accounts.txt'), 'utf8');
    const print = await certificateAt(first.port('imaps'), 'localhost');
    first.kill('SIGINT');
    expect(await first.exited).toBe(0);
    const second = start();
    await second.line('ready');
    expect(readFileSync(join(folder.path, 'var/demo-accounts.txt'), 'utf8')).toBe(accounts);
    expect(await certificateAt(second.port('imaps'), 'localhost')).toBe(print);
  });

  it('tells systemd', async () => {
    const socket = join(folder.path, 'notify');
    let catcher: ChildProcess | undefined;
    try {
      const code = `use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0); bind(S, pack_sockaddr_un($ARGV[0])) or die; $| = 1; while (1) { recv(S, $m, 999, 0); print "$m\\n"; }`;
      catcher = spawn('perl', ['-e', code, socket], { stdio: ['ignore', 'pipe', 'ignore'] });
      let said = '';
      catcher.stdout!.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      await until('listening', () => existsSync(socket));
      const server = start({ env: { NOTIFY_SOCKET: socket } });
      await server.line('ready');
      await until('READY=1', () => said.includes('READY=1'));
      server.kill('SIGTERM');
      await until('STOPPING=1', () => said.includes('STOPPING=1'));
    } finally {
      catcher?.kill('SIGKILL');
    }
  });
});

describe('start-up failures', () => {
  it('an unknown setting is 78 with file, line and suggestion', async () => {
    writeFileSync(join(folder.path, 'postcote.toml'), 'hostname = "a.example"\n[smtp]\nbaner = "x"\n');
    const server = start();
    expect(await server.exited).toBe(78);
    expect(server.stderr()).toBe('postcote: ./postcote.toml:3: smtp.baner: unknown setting; did you mean smtp.banner?\n');
  });

  it('an unknown restriction is 78 with a suggestion', async () => {
    const server = start({ env: { POSTCOTE_SMTP__RECIPIENT_RESTRICTIONS: 'permit_mynetwork' } });
    expect(await server.exited).toBe(78);
    expect(server.stderr()).toContain(
      'environment POSTCOTE_SMTP__RECIPIENT_RESTRICTIONS: smtp.recipient_restrictions: unknown restriction "permit_mynetwork"; did you mean "permit_mynetworks"?',
    );
  });

  it('a port that is taken is 69', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    for (const workers of ['1', '2']) {
      const server = start({ env: { POSTCOTE_LISTEN__IMAP: `127.0.0.1:${port}`, POSTCOTE_WORKERS: workers } });
      expect(await server.exited).toBe(69);
      expect(server.stderr()).toContain(`environment POSTCOTE_LISTEN__IMAP: listen.imap: 127.0.0.1:${port} is taken`);
    }
    other.close();
  });

  it('two servers with workers do not share a port', async () => {
    const first = start({ env: { POSTCOTE_WORKERS: '2' } });
    await first.line('ready');
    const second = start({
      env: { POSTCOTE_WORKERS: '2', POSTCOTE_DATA_DIR: 'other', POSTCOTE_LISTEN__IMAP: `127.0.0.1:${first.port('imap')}` },
    });
    expect(await second.exited).toBe(69);
  });

  it('wrong usage is 64, a missing file 78, a bad certificate 78', async () => {
    expect(await start({ args: ['--confg', 'x'] }).exited).toBe(64);
    const missing = start({ args: ['--config', 'x.toml'] });
    expect(await missing.exited).toBe(78);
    expect(missing.stderr()).toBe('postcote: x.toml: no such file\n');
    writeFileSync(join(folder.path, 'a.pem'), 'no certificate');
    const bad = start({ env: { POSTCOTE_TLS__CERTIFICATE: 'a.pem' } });
    expect(await bad.exited).toBe(78);
    expect(bad.stderr()).toContain('tls.certificate');
    const key = makeSelfSigned('a', 'ec').split('-----BEGIN CERT')[0]!;
    const chain = makeSelfSigned('b', 'ec').slice(makeSelfSigned('b', 'ec').indexOf('-----BEGIN CERT'));
    writeFileSync(join(folder.path, 'a.pem'), `${key}${chain.slice(chain.indexOf('-----BEGIN CERT'))}`);
    const mismatch = start({ env: { POSTCOTE_TLS__CERTIFICATE: 'a.pem' } });
    expect(await mismatch.exited).toBe(78);
  });

  it('takes PKCS#12, whose password is in the key file; a wrong one is 78', async () => {
    writeFileSync(join(folder.path, 'in.pem'), makeSelfSigned('p12.example', 'ec'));
    execFileSync('openssl', ['pkcs12', '-export', '-in', 'in.pem', '-out', 'a.p12', '-passout', 'pass:sesame'], { cwd: folder.path });
    writeFileSync(join(folder.path, 'password'), 'sesame\n');
    const env = { POSTCOTE_TLS__CERTIFICATE: 'a.p12', POSTCOTE_TLS__KEY: 'password' };
    const server = start({ env });
    await server.line('ready');
    const own = new X509Certificate(readFileSync(join(folder.path, 'in.pem'))).fingerprint256;
    expect(await certificateAt(server.port('imaps'), 'x')).toBe(own);
    writeFileSync(join(folder.path, 'password'), 'wrong\n');
    const wrong = start({ env });
    expect(await wrong.exited).toBe(78);
    expect(wrong.stderr()).toContain('tls.certificate');
  });

  it.skipIf(process.getuid?.() !== 0)('an unknown run_as is 78', async () => {
    const server = start({ env: { POSTCOTE_RUN_AS: 'nobodyhere' } });
    expect(await server.exited).toBe(78);
    expect(server.stderr()).toContain('environment POSTCOTE_RUN_AS: run_as: no user "nobodyhere"');
  });
});

describe('reload', () => {
  it.each(['1', '2'])(
    'SIGHUP takes a new certificate and keeps what it has when the new configuration is bad (%s workers)',
    async (workers) => {
      writeFileSync(join(folder.path, 'cert.pem'), makeSelfSigned('one.example', 'ec'));
      const config = (more: string): void =>
        writeFileSync(
          join(folder.path, 'postcote.toml'),
          `data_dir = "d"\n[mail]\nhome = "m/%u"\n[listen]\nmanagesieve = []\n[tls]\ncertificate = "cert.pem"\n${more}`,
        );
      config('');
      const server = start({ env: { POSTCOTE_WORKERS: workers } });
      await server.line('ready');
      const port = server.port('imaps');
      const before = await certificateAt(port, 'x');
      writeFileSync(join(folder.path, 'cert.pem'), makeSelfSigned('two.example', 'rsa'));
      writeFileSync(join(folder.path, 'sni.pem'), makeSelfSigned('sni.example', 'ec'));
      config('sni = [{ name = "sni.example", certificate = "sni.pem" }]\n');
      server.kill('SIGHUP');
      await server.line('reloaded');
      await until('the new certificate', async () => (await certificateAt(port, 'x')) !== before);
      const after = await certificateAt(port, 'x');
      await until('SNI', async () => (await certificateAt(port, 'sni.example')) !== after);
      config('unknown = 1\n');
      server.kill('SIGHUP');
      await server.line('reload refused, the former configuration stays in force');
      expect(await certificateAt(port, 'x')).toBe(after);
    },
  );
});

describe('workers', () => {
  it('one that is killed is replaced while the others serve; one that hangs too', async () => {
    const server = start({ env: { POSTCOTE_WORKERS: '2' } });
    await server.line('ready');
    const [first, second] = workersOf(server.pid) as [number, number];
    process.kill(first, 'SIGKILL');
    await server.line('worker serves');
    await until(
      'two workers',
      async () => workersOf(server.pid).length === 2 && (await get(server.port('http'), '/metrics')).text.includes('postcote_workers 2\n'),
    );
    process.kill(second, 'SIGSTOP');
    await server.line('worker hangs, killing it');
    await until('a third worker', () => server.log.filter(({ msg }) => msg === 'worker serves').length === 2);
    expect(alive(second)).toBe(false);
    server.kill('SIGTERM');
    expect(await server.exited).toBe(0);
  });

  it('end when the primary is killed', async () => {
    const server = start({ env: { POSTCOTE_WORKERS: '2' } });
    await server.line('ready');
    const workers = workersOf(server.pid);
    expect(workers).toHaveLength(2);
    server.kill('SIGKILL');
    await until('no worker', () => !workers.some(alive));
  });

  it.skipIf(process.getuid?.() !== 0)('privileged ports are bound, then nobody is root any more', async () => {
    const port = 900 + (process.pid % 100);
    mkdirSync(join(folder.path, 'open'), { mode: 0o755 });
    execFileSync('chmod', ['755', folder.path]);
    const server = start({ env: { POSTCOTE_WORKERS: '2', POSTCOTE_RUN_AS: '65534:65534', POSTCOTE_LISTEN__SMTP: `127.0.0.1:${port}` } });
    await server.line('ready');
    for (const pid of [server.pid, ...workersOf(server.pid)]) {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      expect(status).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m);
      expect(status).toMatch(/^Gid:\t65534\t65534\t65534\t65534$/m);
      expect(status).toMatch(/^Groups:\t65534 $/m);
      expect(status).toMatch(/^CapEff:\t0+$/m);
    }
    // A replacement gets the port although nobody could bind it again.
    for (const pid of workersOf(server.pid)) process.kill(pid, 'SIGKILL');
    await until('both again', () => server.log.filter(({ msg }) => msg === 'worker serves').length === 2);
    expect((await get(server.port('http'), '/healthz')).text).toBe('ok\n');
    expect(statSync(join(folder.path, 'var')).uid).toBe(65534);
  });
});

describe('an old Node', () => {
  const old = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => {
    if (!existsSync(path)) return false;
    return Number(/^v(\d+)/.exec(execFileSync(path, ['--version']).toString())![1]) < 26;
  });
  it.skipIf(old === undefined || bundledNode() === null)(
    'runs the bundled one: signals and exit codes pass, and nothing stays when it is killed',
    async () => {
      const launch = (args: string[] = []) => start({ node: old!, args });
      const server = launch();
      await server.line('ready');
      server.kill('SIGTERM');
      expect(await server.exited).toBe(0);
      expect(await launch(['--nonsense']).exited).toBe(64);
      const killed = launch();
      await killed.line('ready');
      const [inner] = workersOf(killed.pid) as [number];
      killed.kill('SIGKILL');
      await until('no orphan', () => !alive(inner));
    },
  );
});
