import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { Fault } from '../../mail/fault.ts';
import type { Mechanism } from '../mechanism.ts';
import { hmacMd5, hmacState, parseHmacState } from '../schemes/cram-md5.ts';
import { sameOctets } from '../schemes/crypt64.ts';

/** Challenge `<random.time@host>`, answer `name SP hex-digest`. RFC 2195 2. Works for passwords stored as CRAM-MD5 or plain. */
export const cramMd5: Mechanism = {
  name: 'CRAM-MD5',
  plaintext: false,

  async *start(initialResponse, tools) {
    if (initialResponse !== null) throw new Fault('syntax', 'CRAM-MD5 has no initial response');
    const challenge = Buffer.from(`<${randomBytes(12).toString('hex')}.${Math.floor(Date.now() / 1000)}@postcote>`);
    const response = yield challenge;
    const match = isUtf8(response) ? /^([^\0]+) ([0-9a-fA-F]{32})$/.exec(response.toString('utf8')) : null;
    if (match === null) throw new Fault('syntax', 'CRAM-MD5 response');
    const [, authenticationId, answer] = match as unknown as [string, string, string];
    const account = await tools.account(authenticationId);
    const { scheme, hash } = account === null ? { scheme: '', hash: '' } : tools.stored(account);
    const state = scheme === 'PLAIN' ? hmacState(hash) : scheme === 'CRAM-MD5' ? parseHmacState(hash) : null;
    const expected = hmacMd5(state ?? hmacState(randomBytes(8).toString('hex')), challenge);
    const proved = sameOctets(expected, Buffer.from(answer, 'hex')) && state !== null && account !== null;
    return { authorizationId: '', authenticationId, password: null, ...(proved && { account }) };
  },
};
