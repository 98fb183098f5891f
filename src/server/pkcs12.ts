import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createRequire } from 'node:module';
import type Forge from 'node-forge';

/** Loaded when it is needed: few have such a file. */
const forge = (): typeof Forge => createRequire(import.meta.url)('node-forge') as typeof Forge;

/**
 * Key and chain of a PKCS#12 file as PEM, the certificate of the key first. RFC 7292 4
 * @throws Error in words for who gave the file and its password
 */
export function readPkcs12(octets: Buffer, password: string): { readonly chain: string; readonly key: string } {
  const { asn1, pkcs12, pki, util } = forge();
  const derOf = (bag: Forge.pkcs12.Bag, known: Forge.asn1.Asn1 | undefined): Buffer =>
    Buffer.from(asn1.toDer(known ?? bag.asn1).getBytes(), 'latin1');
  const file = pkcs12.pkcs12FromAsn1(asn1.fromDer(util.createBuffer(octets.toString('latin1'))), password);
  const bags = (kind: string | undefined): Forge.pkcs12.Bag[] => file.getBags({ bagType: kind! })[kind!] ?? [];
  const [keyBag] = [...bags(pki.oids.pkcs8ShroudedKeyBag), ...bags(pki.oids.keyBag)];
  if (keyBag === undefined) throw new Error('it holds no private key');
  // The package reads RSA keys; of others it gives what the file says.
  const known = keyBag.key == null ? undefined : pki.wrapRsaPrivateKey(pki.privateKeyToAsn1(keyBag.key));
  const key = createPrivateKey({ key: derOf(keyBag, known), format: 'der', type: 'pkcs8' });
  const all = bags(pki.oids.certBag).map(
    (bag) => new X509Certificate(derOf(bag, bag.cert == null ? undefined : pki.certificateToAsn1(bag.cert))),
  );
  const own = all.find((certificate) => certificate.checkPrivateKey(key));
  if (own === undefined) throw new Error('it holds no certificate for its key');
  const chain = [own];
  for (let last = own; ; last = chain.at(-1)!) {
    const next = all.find((certificate) => !chain.includes(certificate) && last.checkIssued(certificate));
    if (next === undefined) break;
    chain.push(next);
  }
  return { chain: chain.map(String).join(''), key: key.export({ format: 'pem', type: 'pkcs8' }) as string };
}
