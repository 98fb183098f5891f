import { Fault } from '../../mail/fault.ts';
import { type ImapUrl, imapUrl } from './imap-url.ts';

/** A URL that lets somebody else fetch what it names. RFC 4467 3 */
export interface AuthUrl {
  /** Address of the account it leads into, lower case. */
  readonly owner: string;
  /** `anonymous`, `authuser`, `user+…` or `submit+…`, lower case. */
  readonly access: string;
  /** Milliseconds since 1970, null: never. */
  readonly expires: number | null;
  readonly target: ImapUrl;
  /** All that the token signs. */
  readonly rump: string;
  /** Mechanism (upper case) and token, null for a rump. */
  readonly proof: { readonly mechanism: string; readonly token: string } | null;
}

const longest = 4096;
const form =
  /^(imap:\/\/([^/@;]+)(?:;AUTH=[^/@]*)?@([^/]+)(\/.+?)(?:;EXPIRE=([^;]+))?;URLAUTH=(anonymous|authuser|(?:user|submit)\+[^:;]+))(?::([A-Za-z-]+):([0-9a-f]{32,128}))?$/i;
const dateTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i;

/** imap://user@host/mailbox/;UID=n[/;SECTION=…][;EXPIRE=…];URLAUTH=access[:mechanism:token]. RFC 4467 3, 9 @throws Fault unsupported */
export function authUrl(url: string): AuthUrl {
  const match = url.length > longest ? null : form.exec(url);
  if (match === null) throw new Fault('unsupported', 'not an authorised URL');
  const [, rump, user, host, path, expire, access, mechanism, token] = match;
  const expires = expire === undefined ? null : dateTime.test(expire) ? Date.parse(expire) : Number.NaN;
  if (Number.isNaN(expires)) throw new Fault('unsupported', 'EXPIRE');
  const name = decoded(user!);
  return {
    owner: (name.includes('@') ? name : `${name}@${host!.replace(/:\d+$/, '')}`).toLowerCase(),
    access: decoded(access!).toLowerCase(),
    expires,
    target: imapUrl(path!),
    rump: rump!,
    proof: mechanism === undefined ? null : { mechanism: mechanism.toUpperCase(), token: token!.toLowerCase() },
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Fault('unsupported', 'not an authorised URL');
  }
}
