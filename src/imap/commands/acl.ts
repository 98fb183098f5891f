import { Fault } from '../../mail/fault.ts';
import { allRights, anyone, formatRights, parseRights } from '../../mail/rights.ts';
import type { Mailbox } from '../../store/store.ts';
import { command } from '../command.ts';
import type { Cursor } from '../grammar/cursor.ts';
import { astring } from '../grammar/format.ts';
import { mailbox, mailboxOnly } from '../grammar/mailbox.ts';
import type { Session } from '../session.ts';

/** Who a list may name: an account's address or `anyone`, with `-` to take rights away. RFC 4314 2 @throws Fault syntax */
function identifier(line: Cursor): string {
  const name = Buffer.from(line.astring(), 'latin1').toString('utf8').toLowerCase();
  const plain = name.startsWith('-') ? name.slice(1) : name;
  const fits = plain === anyone || (/^[^\s\p{Cc}-][^\s\p{Cc}]*@[^\s\p{Cc}@]+$/u.test(plain) && plain.length <= 320);
  if (!fits) throw new Fault('syntax', 'identifier: an address or anyone');
  return name;
}

const onWire = (name: string): string => astring(Buffer.from(name, 'utf8').toString('latin1'));

/** @throws Fault noSuchMailbox */
function named(session: Session, name: string): Mailbox {
  const found = session.mail!.find(session.fromWire(name));
  if (found === null || !found.selectable) throw new Fault('noSuchMailbox', name);
  return found;
}

/** RFC 4314 3.1 */
export const setAcl = command({
  name: 'SETACL',
  capabilities: ['ACL', 'RIGHTS=texk'],
  states: ['authenticated', 'selected'],

  parse(line) {
    line.space();
    const name = mailbox(line);
    line.space();
    const who = identifier(line);
    line.space();
    const text = line.astring();
    line.end();
    const op = text.startsWith('+') ? 'add' : text.startsWith('-') ? 'remove' : 'replace';
    return { name, who, op, rights: parseRights(op === 'replace' ? text : text.slice(1)) } as const;
  },

  async run({ name, who, op, rights }, session) {
    const mail = session.mail!;
    const { id } = named(session, name);
    const owner = mail.ownerOf(id);
    if (who === owner || who === `-${owner}`) {
      mail.acl(id);
      const keepsAll = who === owner && (op === 'add' || (op === 'replace' && rights === allRights));
      return keepsAll || rights === '' ? undefined : { no: '[CANNOT] The owner keeps all rights' };
    }
    await mail.setAcl(id, who, op === 'replace' && rights === '' ? 'forget' : op, rights);
    return;
  },
});

function mailboxAndIdentifier(line: Cursor): { name: string; who: string } {
  line.space();
  const name = mailbox(line);
  line.space();
  const who = identifier(line);
  line.end();
  return { name, who };
}

/** RFC 4314 3.2 */
export const deleteAcl = command({
  name: 'DELETEACL',
  states: ['authenticated', 'selected'],

  parse: mailboxAndIdentifier,

  async run({ name, who }, session) {
    const mail = session.mail!;
    const { id } = named(session, name);
    if (who === mail.ownerOf(id)) {
      mail.acl(id);
      return { no: '[CANNOT] The owner keeps all rights' };
    }
    await mail.setAcl(id, who, 'forget', '');
    return;
  },
});

/** RFC 4314 3.3 */
export const getAcl = command({
  name: 'GETACL',
  states: ['authenticated', 'selected'],
  parse: mailboxOnly,

  run(name, session) {
    const mail = session.mail!;
    const found = named(session, name);
    const entries = new Map([[mail.ownerOf(found.id), allRights], ...mail.acl(found.id)]);
    const words = [...entries].map(([who, rights]) => `${onWire(who)} ${astring(formatRights(rights))}`);
    session.out.untagged(`ACL ${session.toWire(found.name)} ${words.join(' ')}`);
  },
});

/** What could be granted: everything to everyone; the owner has it anyway. RFC 4314 3.4 */
export const listRights = command({
  name: 'LISTRIGHTS',
  states: ['authenticated', 'selected'],

  parse: mailboxAndIdentifier,

  run({ name, who }, session) {
    const mail = session.mail!;
    const found = named(session, name);
    mail.acl(found.id);
    const all = formatRights(allRights);
    const rights = who === mail.ownerOf(found.id) ? all : `"" ${Array.from(all).join(' ')}`;
    session.out.untagged(`LISTRIGHTS ${session.toWire(found.name)} ${onWire(who)} ${rights}`);
  },
});

/** RFC 4314 3.5 */
export const myRights = command({
  name: 'MYRIGHTS',
  states: ['authenticated', 'selected'],
  parse: mailboxOnly,

  run(name, session) {
    session.out.untagged(myRightsResponse(session, named(session, name)));
  },
});

export function myRightsResponse(session: Session, mailbox: Mailbox): string {
  return `MYRIGHTS ${session.toWire(mailbox.name)} ${astring(formatRights(session.mail!.rights(mailbox.id)))}`;
}
