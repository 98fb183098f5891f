import { command, noArguments } from '../command.ts';

/** One personal namespace, with INBOX in it, and what others share. RFC 2342 */
export const namespace = command({
  name: 'NAMESPACE',
  capabilities: ['NAMESPACE'],
  states: ['authenticated', 'selected'],
  parse: noArguments,

  run(_, { out, settings }) {
    const { separator } = settings;
    out.untagged(`NAMESPACE (("" "${separator}")) (("Shared${separator}" "${separator}")) NIL`);
  },
});
