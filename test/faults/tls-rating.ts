// TLS as sslscan sees it: old versions, weak ciphers, compression, renegotiation, forward secrecy, groups.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { root } from '../support/server.ts';
import { faultServer } from './fault-server.ts';
import { Failed, type FaultTest, figures, Skip } from './fault-test.ts';

async function scan(port: number, ...options: string[]): Promise<string> {
  try {
    return (await promisify(execFile)('sslscan', ['--xml=-', '--no-colour', '--no-heartbleed', ...options, `127.0.0.1:${port}`])).stdout;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Skip('wants sslscan');
    throw error;
  }
}

const elements = (xml: string, name: string): Record<string, string>[] =>
  [...xml.matchAll(new RegExp(`<${name} ([^>]*?)/?>`, 'g'))].map(([, text]) =>
    Object.fromEntries([...text!.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key!, value!])),
  );

async function rating(): Promise<string> {
  const server = await faultServer({ accounts: [], workers: 1 });
  const wrong: string[] = [];
  const count = {
    listeners: 0,
    oldVersions: 0,
    weakCiphers: 0,
    cbcPreferred: 0,
    withoutForwardSecrecy: 0,
    compression: 0,
    renegotiation: 0,
    x25519: 0,
    ciphers: 0,
  };
  try {
    const { IMAPS, SMTP, IMAP, POP3 } = server.ports;
    for (const [name, xml] of [
      ['imaps', await scan(IMAPS)],
      ['smtp', await scan(SMTP, '--starttls-smtp')],
      ['imap', await scan(IMAP, '--starttls-imap')],
      ['pop3', await scan(POP3, '--starttls-pop3')],
    ] as const) {
      count.listeners++;
      const old = elements(xml, 'protocol').filter(
        ({ type, version, enabled }) => enabled === '1' && (type === 'ssl' || /^1\.[01]$/.test(version!)),
      );
      const ciphers = elements(xml, 'cipher').filter(({ status }) => status === 'preferred' || status === 'accepted');
      if (ciphers.length === 0) wrong.push(`${name}: no handshake: ${xml.slice(0, 300)}`);
      const weak = ciphers.filter(
        ({ cipher, bits }) => /RC4|3DES|DES-CBC|NULL|EXP|MD5|anon|ADH|AECDH/i.test(cipher!) || Number(bits) < 128,
      );
      // Some senders still have nothing better than CBC with ECDHE; turned away, they would come in the clear. First comes AEAD.
      const first = ciphers.filter(({ status }) => status === 'preferred');
      for (const { sslversion, cipher } of first)
        if (!/GCM|POLY1305|CCM/.test(cipher!)) wrong.push(`${name}: ${sslversion} prefers ${cipher}`);
      count.cbcPreferred += first.filter(({ cipher }) => !/GCM|POLY1305|CCM/.test(cipher!)).length;
      const fixed = ciphers.filter(({ cipher, sslversion }) => sslversion !== 'TLSv1.3' && !/^(?:ECDHE|DHE)-/.test(cipher!));
      count.ciphers += ciphers.length;
      count.oldVersions += old.length;
      count.weakCiphers += weak.length;
      count.withoutForwardSecrecy += fixed.length;
      count.compression += elements(xml, 'compression').filter(({ supported }) => supported === '1').length;
      count.renegotiation += elements(xml, 'renegotiation').filter(({ supported, secure }) => supported === '1' && secure !== '1').length;
      if (elements(xml, 'group').some(({ name: group }) => /25519/.test(group!))) count.x25519++;
      for (const { cipher, sslversion } of [...weak, ...fixed]) wrong.push(`${name}: ${sslversion} ${cipher}`);
      for (const { version, type } of old) wrong.push(`${name}: ${type} ${version}`);
    }
    if (count.x25519 < count.listeners) wrong.push('X25519 is not offered everywhere');
    if (wrong.length > 0) throw new Failed(`${JSON.stringify(count)}: ${[...new Set(wrong)].join(', ')}`);
    return figures(count, ['oldVersions', 'weakCiphers', 'cbcPreferred', 'withoutForwardSecrecy', 'compression', 'renegotiation']);
  } finally {
    await server.close();
  }
}

/** What the registry knows of the packages that the server runs with. */
async function audit(): Promise<string> {
  const run = promisify(execFile)('npm', ['audit', '--omit=dev', '--json'], { cwd: root, timeout: 60_000 });
  const text = await run.then(
    ({ stdout }) => stdout,
    (error: { stdout?: string }) => error.stdout ?? '',
  );
  const report = (text.startsWith('{') ? JSON.parse(text) : {}) as {
    readonly metadata?: { readonly vulnerabilities: { readonly total: number }; readonly dependencies: { readonly prod: number } };
    readonly vulnerabilities?: Readonly<Record<string, unknown>>;
  };
  if (report.metadata === undefined) throw new Skip('the registry gives no advisories');
  const { vulnerabilities, dependencies } = report.metadata;
  if (vulnerabilities.total > 0) throw new Failed(`vulnerable: ${Object.keys(report.vulnerabilities ?? {}).join(', ')}`);
  return figures({ packages: dependencies.prod, vulnerable: vulnerabilities.total });
}

export const tlsRatingTests: readonly FaultTest[] = [
  { name: 'tls-rating', run: rating },
  { name: 'dependencies', run: audit },
];
