import { execFileSync } from 'node:child_process';

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
