import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeSelfSigned } from './certificates.ts';
import { readPkcs12 } from './pkcs12.ts';

describe.skipIf(spawnSync('openssl', ['version']).status !== 0)('PKCS#12 (skipped without openssl)', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'postcote-p12-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it.each([
    ['ec', []],
    ['rsa', []],
    ['rsa', ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1']],
  ] as const)('of openssl, %s %j', (kind, options) => {
    const pem = makeSelfSigned('mail.example.com', kind);
    writeFileSync(join(dir, 'in.pem'), pem + makeSelfSigned('other.example', 'ec').replace(/^[\s\S]*?(?=-----BEGIN CERT)/, ''));
    const args = ['pkcs12', '-export', '-in', join(dir, 'in.pem'), '-out', join(dir, 'out.p12'), '-passout', 'pass:sesame', ...options];
    execFileSync('openssl', args, { stdio: 'ignore' });
    const octets = readFileSync(join(dir, 'out.p12'));
    const { chain, key } = readPkcs12(octets, 'sesame');
    expect(new X509Certificate(chain).fingerprint256).toBe(new X509Certificate(pem).fingerprint256);
    expect(pem).toContain(key.trim());
    expect(() => readPkcs12(octets, 'wrong')).toThrow(/password/i);
  });

  it('that is none', () => {
    expect(() => readPkcs12(Buffer.from('0\x80nothing', 'latin1'), '')).toThrow(Error);
  });
});
