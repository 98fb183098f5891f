import { command, noArguments } from '../command.ts';

/** Back to the state after the greeting, under the same TLS. RFC 8437 3 */
export const unauthenticate = command({
  name: 'UNAUTHENTICATE',
  capabilities: ['UNAUTHENTICATE'],
  states: ['authenticated', 'selected'],
  updates: 'none',
  parse: noArguments,

  run(_, session) {
    // Everything but TLS ought to end, and deflated input cannot be told from what follows it.
    if (session.connection.compressed) return { no: '[CANNOT] Not while compression is active' };
    session.forget();
    session.expectLogin();
    return;
  },
});
