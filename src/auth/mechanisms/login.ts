import { isUtf8 } from 'node:buffer';
import { Fault } from '../../mail/fault.ts';
import type { Mechanism } from '../mechanism.ts';

/** Name, then password, each asked for. draft-murchison-sasl-login; the prompts are what clients wait for. */
export const login: Mechanism = {
  name: 'LOGIN',
  plaintext: true,

  async *start(initialResponse) {
    const name = initialResponse ?? (yield Buffer.from('Username:'));
    const password = yield Buffer.from('Password:');
    if (!isUtf8(name) || !isUtf8(password)) throw new Fault('syntax', 'LOGIN response is not UTF-8');
    if (name.length === 0 || name.includes(0) || password.includes(0)) throw new Fault('syntax', 'LOGIN response');
    return { authorizationId: '', authenticationId: name.toString('utf8'), password: password.toString('utf8') };
  },
};
