import type { Staged } from '../../base/staging.ts';
import { Fault } from '../../mail/fault.ts';
import type { Mailbox, NewMessage } from '../../store/store.ts';
import { catenate } from '../catenate.ts';
import { command } from '../command.ts';
import { CodedFault } from '../faults.ts';
import { type AppendMessage, appendMessages } from '../grammar/append.ts';
import { Cursor } from '../grammar/cursor.ts';
import { mailbox } from '../grammar/mailbox.ts';
import { formatNumbers } from '../grammar/sequence-set.ts';
import type { LiteralPolicy } from '../reader.ts';
import { receiveMessage } from '../receive-message.ts';
import type { Session } from '../session.ts';
import type { View } from '../view.ts';

/** Stores messages the client sends: all or none. RFC 9051 6.3.12, RFC 3502, RFC 4315 3 */
export const append = command({
  name: 'APPEND',
  capabilities: ['UIDPLUS', 'MULTIAPPEND', 'APPENDLIMIT', 'CATENATE', 'URL-PARTIAL'],
  states: ['authenticated', 'selected'],

  parse(line) {
    line.space();
    const name = mailbox(line);
    const messages = appendMessages(line);
    line.end();
    return { name, messages };
  },

  async run({ name, messages }, session) {
    const target = session.fromWire(name);
    const view = recentIn(session, requireTarget(session, target));
    const stored = await session.mail!.append(target, await newMessages(session, messages), { claimRecent: view !== null });
    if (stored[0]!.recent) view?.addRecent(stored[0]!.uid, stored.at(-1)!.uid + 1);
    const { uidValidity } = stored[0]!.mailbox;
    return `[APPENDUID ${uidValidity} ${formatNumbers(stored.map((one) => one.uid))}] Append completed.`;
  },
});

/** The view that has new messages of the mailbox as recent ones; without it the client would wait for a claim of its own. */
function recentIn({ rev2, view }: Session, { id }: Mailbox): View | null {
  return rev2 || view === null || view.readOnly || view.mailbox.id !== id ? null : view;
}

/** The mailbox is there, or the client is told that it might make it. RFC 9051 7.1 (TRYCREATE) */
export function requireTarget(session: Session, target: string): Mailbox {
  const found = session.mail!.find(target);
  if (found === null || !found.selectable) throw new CodedFault('noSuchMailbox', 'TRYCREATE', target);
  return found;
}

/** What the store is given. Messages put together here are discarded with those that came. */
export async function newMessages(session: Session, messages: readonly AppendMessage[]): Promise<NewMessage[]> {
  const made: NewMessage[] = [];
  for (const { flags, internalDate, parts } of messages) {
    const [part] = parts;
    let message: Staged | undefined;
    if (parts.length === 1 && part !== undefined && 'literal' in part) message = session.incoming[part.literal];
    else {
      message = await catenate(session, parts);
      session.made.push(message);
    }
    if (message === undefined) throw new Fault('syntax', 'message literal expected');
    // How a client calls off what it has begun. RFC 3502 6.3.11
    if (message.size === 0) throw new Fault('unsupported', 'a message of no octets');
    made.push({ message, flags, ...(internalDate === null ? {} : { internalDate: internalDate.time, zone: internalDate.zone }) });
  }
  return made;
}

/** Every literal is a message but the mailbox's name, which comes first, and URLs. */
export const appendLiterals: LiteralPolicy = {
  accepts(before, at) {
    if (before.length === at + 1) return false;
    return !/ URL $|\(URL $/i.test(before.slice(-5));
  },

  async check(session, before, at, size, soFar) {
    const line = new Cursor(before, { utf8: session.utf8 });
    line.at = at;
    line.space();
    await checkTarget(session, mailbox(line), size, soFar);
  },

  receive: receiveMessage,
};

/** Before a message comes in. @throws Fault tooBig, overQuota, noSuchMailbox TRYCREATE */
export async function checkTarget(session: Session, name: string, size: number, soFar: number): Promise<void> {
  const target = session.fromWire(name);
  if (soFar === 0) {
    await session.mail!.freshen();
    requireTarget(session, target);
  }
  if (size > session.settings.messageSizeLimit) throw new Fault('tooBig', `${size} octets`);
  const { quota } = session.mail!.account;
  // Of somebody else's mailbox the store knows the limit.
  if (session.mail!.route(target) !== null) return;
  if (quota > 0 && session.mail!.usage().bytes + size > quota) throw new Fault('overQuota', `${size} octets`);
}
