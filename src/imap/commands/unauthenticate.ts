import { alreadyAnswered, command, noArguments } from '../command.ts';

/** Back to the state after the greeting, under the same TLS. RFC 8437 3 */
export const unauthenticate = command({
  name: 'UNAUTHENTICATE',
  capabilities: ['UNAUTHENTICATE'],
  states: ['authenticated', 'selected'],
  updates: 'none',
  parse: noArguments,

  async run(_, session) {
    session.forget();
    session.expectLogin();
    const { connection, out, tag } = session;
    if (!connection.compressed) return;
    out.flush();
    await connection.uncompress(`${tag} OK UNAUTHENTICATE completed.\r\n`);
    return alreadyAnswered;
  },
});
