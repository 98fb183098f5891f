import { isUtf8 } from 'node:buffer';
import { Fault } from '../../mail/fault.ts';
import type { Mechanism } from '../mechanism.ts';

/** message = [authzid] NUL authcid NUL passwd. RFC 4616 2 */
export const plain: Mechanism = {
  name: 'PLAIN',
  plaintext: true,

  async *start(initialResponse) {
    const message = initialResponse ?? (yield Buffer.alloc(0));
    if (!isUtf8(message)) throw new Fault('syntax', 'PLAIN message is not UTF-8');
    const [authorizationId, authenticationId, password, ...more] = message.toString('utf8').split('\0');
    if (!authenticationId || !password || more.length > 0) throw new Fault('syntax', 'PLAIN message');
    return { authorizationId: authorizationId!, authenticationId, password };
  },
};
