import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';

/** A self-signed pair, chain and key in one PEM. */
export function selfSigned(...names: string[]): string {
  const san = names.map((name) => `DNS:${name}`).join(',');
  return execFileSync(
    'openssl',
    // biome-ignore format: one option a word
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '-', '-out', '-', '-days', '9', '-subj', `/CN=${names[0]}`, '-addext', `subjectAltName=${san}`],
    { stdio: ['ignore', 'pipe', 'ignore'], encoding: 'latin1' },
  );
}

/** A self-signed pair whose time is over, chain and key in one PEM. */
export async function expired(name: string): Promise<string> {
  const { default: forge } = await import('node-forge');
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  const key = forge.pki.privateKeyFromPem(privateKey);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(key.n, key.e);
  certificate.validity.notBefore = new Date('2020-01-01');
  certificate.validity.notAfter = new Date('2021-01-01');
  const names = [{ name: 'commonName', value: name }];
  certificate.setSubject(names);
  certificate.setIssuer(names);
  certificate.sign(key, forge.md.sha256.create());
  return forge.pki.certificateToPem(certificate) + privateKey;
}
