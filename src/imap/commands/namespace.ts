import { command, noArguments } from '../command.ts';

/** One personal namespace, with INBOX in it. RFC 2342 */
export const namespace = command({
  name: 'NAMESPACE',
  capabilities: ['NAMESPACE'],
  states: ['authenticated', 'selected'],
  parse: noArguments,

  run(_, { out, settings }) {
    out.untagged(`NAMESPACE (("" "${settings.separator}")) NIL NIL`);
  },
});
