import { isUtf8 } from 'node:buffer';
import { createHmac, hash as digest, randomBytes } from 'node:crypto';
import type { Account } from '../../directory/directory.ts';
import { Fault } from '../../mail/fault.ts';
import type { Mechanism, MechanismTools } from '../mechanism.ts';
import { sameOctets } from '../schemes/crypt64.ts';
import { parseScram, type ScramAlgorithm, type ScramKeys, scramKeys } from '../schemes/scram.ts';

interface Form {
  readonly name: string;
  readonly algorithm: ScramAlgorithm;
  readonly binds: boolean;
}

/** RFC 7677 4 */
const iterations = 4096;

interface ClientFirst {
  /** `n,,` as sent; the client repeats it in its final message. */
  readonly header: string;
  /** `n`, `y`, or the type of channel binding. */
  readonly binding: string;
  readonly authorizationId: string;
  readonly authenticationId: string;
  readonly nonce: string;
  readonly bare: string;
}

const syntax = (what: string): Fault => new Fault('syntax', `SCRAM ${what}`);

/** saslname: `=2C` for a comma, `=3D` for an equals sign. RFC 5802 5.1 */
function saslName(text: string): string {
  if (/=(?!2C|3D)/.test(text)) throw syntax('name');
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=');
}

function text(message: Buffer): string {
  if (!isUtf8(message) || message.includes(0)) throw syntax('message is not UTF-8');
  return message.toString('utf8');
}

/**
 *     client-first-message = gs2-header client-first-message-bare
 *     gs2-header           = ("p=" cb-name / "n" / "y") "," ["a=" saslname] ","
 *
 * RFC 5802 7
 */
function clientFirst(message: Buffer): ClientFirst {
  const match = /^((?:p=([A-Za-z0-9.-]+)|([ny])),(?:a=([^,]+))?,)(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]{8,512})(?:,.*)?)$/s.exec(text(message));
  // "m=" asks for extensions that nobody has defined: refuse. RFC 5802 5.1
  if (match === null) throw syntax('client-first-message');
  return {
    header: match[1]!,
    binding: match[2] ?? match[3]!,
    authorizationId: match[4] === undefined ? '' : saslName(match[4]),
    bare: match[5]!,
    authenticationId: saslName(match[6]!),
    nonce: match[7]!,
  };
}

/** client-final-message = channel-binding "," nonce ["," extensions] "," proof. RFC 5802 7 */
function clientFinal(message: Buffer): { withoutProof: string; binding: Buffer; nonce: string; proof: Buffer } {
  const match = /^(c=([A-Za-z0-9+/=]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,[^p].*)?),p=([A-Za-z0-9+/]+=*)$/s.exec(text(message));
  if (match === null) throw syntax('client-final-message');
  const [withoutProof, binding, nonce, proof] = match.slice(1) as [string, string, string, string];
  return { withoutProof, binding: Buffer.from(binding, 'base64'), nonce, proof: Buffer.from(proof, 'base64') };
}

/** What the account's password gives for this form; null where it is stored in another. Plain ones serve all. */
async function keysOf({ name, algorithm }: Form, account: Account, tools: MechanismTools): Promise<ScramKeys | null> {
  const { scheme, hash } = tools.stored(account);
  if (scheme === 'PLAIN') return scramKeys(algorithm, hash, tools.fakeSalt(account.address), iterations);
  return scheme === name.replace(/-PLUS$/, '') ? parseScram(algorithm, hash) : null;
}

/** What must come back as `c=`. @throws Fault badCredentials for a downgrade or a type that is not known */
function expectedBinding(form: Form, first: ClientFirst, tools: MechanismTools): Buffer {
  const header = Buffer.from(first.header);
  if (!form.binds) {
    if (first.binding !== 'n' && first.binding !== 'y') throw new Fault('badCredentials', 'channel binding without -PLUS');
    // The client could bind and thinks that we cannot: then somebody has taken -PLUS out of the list. RFC 5802 6
    if (first.binding === 'y' && tools.channelBinding('tls-exporter') !== null && tools.offers(`${form.name}-PLUS`)) {
      throw new Fault('badCredentials', 'channel binding was hidden from the client');
    }
    return header;
  }
  const octets = first.binding === 'n' || first.binding === 'y' ? null : tools.channelBinding(first.binding);
  if (octets === null) throw new Fault('badCredentials', `channel binding ${first.binding}`);
  return Buffer.concat([header, octets]);
}

function scram(form: Form): Mechanism {
  const { name, algorithm, binds } = form;
  const hmac = (key: Uint8Array, message: string): Buffer => createHmac(algorithm, key).update(message).digest();
  return {
    name,
    plaintext: false,
    binds,

    async *start(initialResponse, tools) {
      const first = clientFirst(initialResponse ?? (yield Buffer.alloc(0)));
      const { authenticationId, authorizationId } = first;
      const expected = expectedBinding(form, first, tools);
      const start = performance.now();
      const account = await tools.account(authenticationId);
      const keys = account === null ? null : await keysOf(form, account, tools);
      await tools.steady(start);
      // For unknown names, and those whose password is stored otherwise, a salt that stays the same. RFC 5802 9
      const { salt, iterations: count } = keys ?? { salt: tools.fakeSalt(authenticationId), iterations };
      const nonce = first.nonce + randomBytes(18).toString('base64');
      const serverFirst = `r=${nonce},s=${salt.toString('base64')},i=${count}`;

      const final = clientFinal(yield Buffer.from(serverFirst));
      const message = `${first.bare},${serverFirst},${final.withoutProof}`;
      const storedKey = keys?.storedKey ?? randomBytes(digest(algorithm, '', 'buffer').length);
      const signature = hmac(storedKey, message);
      const clientKey = Buffer.from(final.proof.map((octet, i) => octet ^ (signature[i] ?? 0)));
      const proved = sameOctets(digest(algorithm, clientKey, 'buffer'), storedKey);
      const bound = sameOctets(final.binding, expected) && final.nonce === nonce;
      if (account === null || keys === null || !proved || !bound) return { authorizationId, authenticationId, password: null };

      yield Buffer.from(`v=${hmac(keys.serverKey, message).toString('base64')}`);
      return { authorizationId, authenticationId, password: null, account };
    },
  };
}

/** RFC 5802, RFC 7677; SHA-512 by draft-melnikov-scram-sha-512 */
export const scramMechanisms: readonly Mechanism[] = (
  [
    ['SCRAM-SHA-512', 'sha512'],
    ['SCRAM-SHA-256', 'sha256'],
    ['SCRAM-SHA-1', 'sha1'],
  ] as const
).flatMap(([name, algorithm]) => [scram({ name: `${name}-PLUS`, algorithm, binds: true }), scram({ name, algorithm, binds: false })]);
