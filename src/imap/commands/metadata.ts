import { Fault } from '../../mail/fault.ts';
import { command } from '../command.ts';
import { CodedFault } from '../faults.ts';
import { mailbox } from '../grammar/mailbox.ts';
import { entryNames, entryValues, getMetadataOptions } from '../grammar/metadata.ts';
import { largestValue, ownerOfEntry, privateSpecialUse, sendMetadata, specialUses, subject } from '../metadata.ts';

/** What is noted about a mailbox, or with the name "" about the server. RFC 5464 4.2 */
export const getMetadata = command({
  name: 'GETMETADATA',
  capabilities: ['METADATA', 'METADATA-SERVER'],
  states: ['authenticated', 'selected'],

  parse(line) {
    line.space();
    let options = getMetadataOptions(line);
    if (options !== null) line.space();
    const name = mailbox(line);
    line.space();
    // The RFC's grammar has the options before the mailbox, its examples behind it.
    if (options === null) {
      options = getMetadataOptions(line);
      if (options !== null) line.space();
    }
    const entries = entryNames(line);
    line.end();
    return { name, entries, options };
  },

  run({ name, entries, options }, session) {
    const leftOut = sendMetadata(session, subject(session, name), entries, options ?? { maxSize: null, depth: 0 });
    return leftOut > 0 ? `[METADATA LONGENTRIES ${leftOut}] Some values are longer.` : 'Getmetadata completed.';
  },
});

/** RFC 5464 4.3 */
export const setMetadata = command({
  name: 'SETMETADATA',
  states: ['authenticated', 'selected'],

  parse(line) {
    line.space();
    const name = mailbox(line);
    line.space();
    const values = entryValues(line);
    line.end();
    return { name, values };
  },

  async run({ name, values }, session) {
    const mail = session.mail!;
    const about = subject(session, name);
    for (const [entry, value] of values) {
      if (value !== null && value.length > largestValue) return { no: `[METADATA MAXSIZE ${largestValue}] Value is too long` };
      // What the server says to all is the administrator's.
      if (about === null && entry.startsWith('/shared/')) throw new Fault('noPermission', 'server entries');
    }
    const changes = new Map(values);
    const use = changes.get(privateSpecialUse);
    const hasUse = about !== null && changes.delete(privateSpecialUse);
    if (hasUse && use != null && !specialUses.includes(use)) throw new CodedFault('unsupported', 'USEATTR', 'special use');
    try {
      if (changes.size > 0) {
        await mail.setMetadata(
          about?.id ?? null,
          [...changes].map(([entry, value]) => ({
            user: ownerOfEntry(session, entry),
            entry,
            value: value === null ? null : Buffer.from(value, 'latin1'),
          })),
        );
      }
    } catch (error) {
      if (error instanceof Fault && error.kind === 'tooMany') throw new CodedFault('tooMany', 'METADATA TOOMANY', 'entries');
      throw error;
    }
    // RFC 6154 4
    if (hasUse) await mail.setSpecialUse(about.name, use ?? null);
    return 'Setmetadata completed.';
  },
});
