import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../src/server/config/load.ts';
import { scratch } from './support/scratch.ts';
import { root } from './support/server.ts';

const text = (file: string): string => readFileSync(join(root, file), 'utf8');
const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

describe('packaging', () => {
  it('the built program can be linked as sendmail', () => {
    const program = join(root, 'dist/cli.js');
    expect(statSync(program).mode & 0o111).toBe(0o111);
    const link = join(scratch('link'), 'newaliases');
    symlinkSync(program, link);
    expect(spawnSync(link, [], { encoding: 'utf8', cwd: tmpdir() })).toMatchObject({ status: 0, stderr: '' });
  });

  it('the unit waits for the network, stops in time and is hardened', () => {
    const unit = text('packaging/postcote.service');
    for (const line of [
      'After=network-online.target',
      'Wants=network-online.target',
      'Type=notify',
      'NotifyAccess=all',
      'ExecReload=/bin/kill -HUP $MAINPID',
      'NoNewPrivileges=yes',
      'ProtectSystem=strict',
    ]) {
      expect(unit).toContain(line);
    }
    expect(Number(/^TimeoutStopSec=(\d+)s$/m.exec(unit)![1])).toBeGreaterThan(10);
    expect(/^RestartPreventExitStatus=(.*)$/m.exec(unit)![1]!.split(' ')).toEqual(['64', '77', '78']);
  });

  it('systemd finds no fault with the unit and rates it 2.0 or better', ({ skip }) => {
    if (!has('systemd-analyze')) skip('systemd-analyze is not installed');
    const dir = scratch('unit');
    const file = join(dir, 'postcote.service');
    // The program's place need not exist here.
    writeFileSync(file, text('packaging/postcote.service').replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true'));
    const verify = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
    expect(verify.stderr.split('\n').filter((line) => line.includes('postcote.service'))).toEqual([]);
    const rating = spawnSync('systemd-analyze', ['security', '--offline=true', file], { encoding: 'utf8' });
    if (rating.status !== 0 && rating.stdout === '') skip('systemd-analyze cannot rate a unit offline');
    expect(Number(/Overall exposure level[^:]*: ([\d.]+)/.exec(rating.stdout)![1])).toBeLessThanOrEqual(2.0);
  });

  it('the container serves on the ports that it exposes, and compose maps them', () => {
    const { config } = loadConfig({ file: join(root, 'docker/postcote.toml'), env: {} });
    const dockerfile = text('docker/Dockerfile');
    const exposed = /^EXPOSE (.*)$/m.exec(dockerfile)![1]!.split(' ').map(Number);
    const listening = Object.entries(config)
      .filter(([name, value]) => name.startsWith('listen.') && Array.isArray(value))
      .flatMap(([, value]) => (value as string[]).filter((place) => /:\d+$/.test(place)).map((place) => Number(place.split(':').at(-1))));
    expect(exposed.toSorted((a, b) => a - b)).toEqual(listening.toSorted((a, b) => a - b));
    for (const [, outer, inner] of text('docker/compose.yaml').matchAll(/^ +- "(\d+):(\d+)"$/gm)) {
      expect(exposed).toContain(Number(inner));
      expect(Number(outer)).toBeLessThan(1024);
    }
    expect(dockerfile).toMatch(/^USER vmail$/m);
    expect(dockerfile).toMatch(/^HEALTHCHECK /m);
    // Each folder that is copied is there.
    for (const [, sources] of dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)) {
      for (const source of sources!.split(' ')) expect(existsSync(join(root, source)), source).toBe(true);
    }
    expect(config.data_dir).toBe('/var/lib/postcote');
    expect(statSync(join(root, 'docker/healthcheck.sh')).mode & 0o111).not.toBe(0);
    for (const file of ['docker/healthcheck.sh', 'certs/make.sh']) execFileSync('sh', ['-n', join(root, file)]);
    execFileSync('bash', ['-n', join(root, '.ci/run')]);
  });

  it('names users and folders that the unit and the defaults use', () => {
    expect(text('packaging/postcote.sysusers')).toMatch(/^u vmail 5000:5000 /m);
    const folders = [...text('packaging/postcote.tmpfiles').matchAll(/^d (\S+)/gm)].map(([, path]) => path);
    expect(folders).toEqual(['/var/mail/vmail', '/var/lib/postcote', '/etc/postcote']);
    expect(text('packaging/postcote.service')).toContain('User=vmail');
  });
});
