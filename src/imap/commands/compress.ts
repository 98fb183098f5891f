import { Fault } from '../../mail/fault.ts';
import { alreadyAnswered, command } from '../command.ts';

/** Both directions deflated from here on. RFC 4978 */
export const compress = command({
  name: 'COMPRESS',
  capabilities: ['COMPRESS=DEFLATE'],
  states: ['authenticated', 'selected'],
  updates: 'none',

  parse(line) {
    line.space();
    const algorithm = line.atom().toUpperCase();
    line.end();
    if (algorithm !== 'DEFLATE') throw new Fault('syntax', 'Unknown compression');
    return null;
  },

  run(_, session) {
    const { connection, out, tag } = session;
    if (connection.compressed) return { no: '[COMPRESSIONACTIVE] DEFLATE is active already' };
    out.flush();
    connection.compress(`${tag} OK DEFLATE active\r\n`);
    return alreadyAnswered;
  },
});
