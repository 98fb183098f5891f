import { command } from '../command.ts';
import { mailbox } from '../grammar/mailbox.ts';

const specialUses = ['\\All', '\\Archive', '\\Drafts', '\\Flagged', '\\Junk', '\\Sent', '\\Trash'];

/** Makes a mailbox and its missing parents. RFC 9051 6.3.4; USE RFC 6154 3 */
export const create = command({
  name: 'CREATE',
  capabilities: ['CREATE-SPECIAL-USE'],
  states: ['authenticated', 'selected'],

  parse(line) {
    line.space();
    const name = mailbox(line);
    let uses: string[] = [];
    if (line.accept(' ')) {
      line.list(() => {
        line.expect('USE ');
        uses = line.list(() => {
          line.expect('\\');
          return `\\${line.atom()}`;
        });
      });
    }
    line.end();
    return { name, uses };
  },

  async run({ name, uses }, session) {
    // A trailing separator only says that children will follow. RFC 9051 6.3.4
    const path = session.newName(name);
    const known = uses.map((use) => specialUses.find((s) => s.toLowerCase() === use.toLowerCase()));
    if (known.length > 1 || known.includes(undefined)) return { no: '[USEATTR] Special use not supported' };
    const use = known[0] ?? null;
    if (use !== null && session.mail!.list().some((m) => m.specialUse === use))
      return { no: '[USEATTR] Another mailbox has this special use' };
    const made = await session.mail!.create(path, use);
    return `[MAILBOXID (${made.mailboxId})] Create completed.`;
  },
});
