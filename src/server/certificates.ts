import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { closeSync, existsSync, fchownSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { Certificate, TlsSettings } from '../net/tls.ts';
import type { Config, SettingName } from './config/settings.ts';
import { bitString, context, integer, nul, octetString, oid, sequence, set, time, utf8 } from './der.ts';
import { exitOfErrno, failureOf, startExit } from './failure.ts';
import { readPkcs12 } from './pkcs12.ts';
import type { Identity } from './privileges.ts';

/**
 * Reads every certificate that the configuration names; the first is the fallback. Without one it is self-signed, made once in data_dir.
 * @throws StartFailure 78 (no such file, no PEM, key missing), 77 (not readable)
 */
export function readCertificates(config: Config, where: (name: SettingName) => string | null, identity: Identity | null): TlsSettings {
  const own = config['tls.certificate'];
  const first: Certificate =
    own === '' ? selfSigned(config, identity) : readPair('tls.certificate', 'tls.key', own, config['tls.key'], where);
  const more = config['tls.sni'].map((c) => readPair('tls.sni', 'tls.sni', c.certificate, c.key, where));
  return { certificates: [first, ...more], minVersion: config['tls.min_version'] };
}

function readPair(
  certificateSetting: SettingName,
  keySetting: SettingName,
  certificate: string,
  key: string,
  where: (name: SettingName) => string | null,
): Certificate {
  const readOctets = (setting: SettingName, file: string): Buffer => {
    try {
      return readFileSync(file);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const exit = code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR' ? startExit.configuration : exitOfErrno(error);
      throw failureOf(exit, setting, where(setting), `cannot read ${file} (${code}); give a PEM file that the server may read`);
    }
  };
  const read = (setting: SettingName, file: string): string => readOctets(setting, file).toString();
  const octets = readOctets(certificateSetting, certificate);
  // DER starts with a SEQUENCE: PKCS#12, key and chain in one file under the password that is the first line of tls.key.
  if (octets[0] === 0x30) {
    const password = key === '' ? '' : read(keySetting, key).split(/\r?\n/)[0]!;
    try {
      return { ...readPkcs12(octets, password), source: certificate };
    } catch (error) {
      const what = `cannot open ${certificate} as PKCS#12 (${(error as Error).message}); its password is the first line of the key file`;
      throw failureOf(startExit.configuration, certificateSetting, where(certificateSetting), what);
    }
  }
  const chain = octets.toString();
  if (!chain.includes('-----BEGIN CERTIFICATE-----')) {
    throw failureOf(startExit.configuration, certificateSetting, where(certificateSetting), `${certificate} holds no PEM certificate`);
  }
  const secret = key === '' ? chain : read(keySetting, key);
  if (!/-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/.test(secret)) {
    const what = key === '' ? `${certificate} holds no private key; add it there or set tls.key` : `${key} holds no PEM private key`;
    throw failureOf(startExit.configuration, keySetting, where(keySetting), what);
  }
  return { chain, ...(key === '' ? {} : { key: secret }), source: certificate };
}

/** `self-signed.pem` in data_dir: key and certificate, mode 0600. Made when it is not there; several processes may try at once. */
function selfSigned(config: Config, identity: Identity | null): Certificate {
  const file = join(config.data_dir, 'self-signed.pem');
  if (!existsSync(file)) {
    const pem = makeSelfSigned(config.hostname, config['tls.self_signed']);
    const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
    const fd = openSync(temporary, 'wx', 0o600);
    writeSync(fd, pem);
    if (identity !== null && process.getuid!() === 0) fchownSync(fd, identity.uid, identity.gid);
    fsyncSync(fd);
    closeSync(fd);
    renameSync(temporary, file);
  }
  return { chain: readFileSync(file, 'utf8'), source: file };
}

const oids = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  rsaWithSha256: '1.2.840.113549.1.1.11',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  subjectAltName: '2.5.29.17',
} as const;

/** A key and a certificate for `hostname`, `localhost` and loopback, good for ten years, as PEM. RFC 5280 4.1 */
export function makeSelfSigned(hostname: string, kind: 'ec' | 'rsa', now = Date.now()): string {
  const { publicKey, privateKey } =
    kind === 'ec' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const algorithm = kind === 'ec' ? sequence(oid(oids.ecdsaWithSha256)) : sequence(oid(oids.rsaWithSha256), nul());
  // A common name has at most 64 characters. RFC 5280 A.1
  const name = sequence(set(sequence(oid(oids.commonName), utf8(hostname.slice(0, 64)))));
  const names = [...new Set([hostname, 'localhost'])].map((host) =>
    isIP(host) === 0 ? context(2, false, Buffer.from(host, 'latin1')) : context(7, false, addressOctets(host)),
  );
  const alternative = sequence(...names, context(7, false, Buffer.from([127, 0, 0, 1])), context(7, false, addressOctets('::1')));
  const yes = Buffer.from([1, 1, 0xff]);
  const extensions = sequence(
    sequence(oid(oids.basicConstraints), yes, octetString(sequence())),
    // digitalSignature, and keyEncipherment for RSA key exchange.
    sequence(oid(oids.keyUsage), yes, octetString(bitString(Buffer.from([kind === 'ec' ? 0x80 : 0xa0]), kind === 'ec' ? 7 : 5))),
    sequence(oid(oids.extendedKeyUsage), octetString(sequence(oid(oids.serverAuth)))),
    sequence(oid(oids.subjectAltName), octetString(alternative)),
  );
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const body = sequence(
    context(0, true, integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    name,
    sequence(time(now - 86_400_000), time(now + 3650 * 86_400_000)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    context(3, true, extensions),
  );
  const certificate = sequence(body, algorithm, bitString(sign('sha256', body, privateKey)));
  const pem = certificate.toString('base64').replace(/.{1,64}/g, '$&\n');
  return `${privateKey.export({ type: 'pkcs8', format: 'pem' }) as string}-----BEGIN CERTIFICATE-----\n${pem}-----END CERTIFICATE-----\n`;
}

function addressOctets(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const words = (text: string): number[] => (text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16)));
  const [before, after] = [words(head), words(tail)];
  const all = address.includes('::') ? [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after] : before;
  return Buffer.from(all.flatMap((word) => [word >> 8, word & 255]));
}
