import { Fault } from '../../mail/fault.ts';
import type { NewMessage } from '../../store/store.ts';
import { command } from '../command.ts';
import { type AppendMessage, appendMessages } from '../grammar/append.ts';
import { Cursor } from '../grammar/cursor.ts';
import { mailbox } from '../grammar/mailbox.ts';
import { formatNumbers } from '../grammar/sequence-set.ts';
import type { LiteralPolicy } from '../reader.ts';
import { receiveMessage } from '../receive-message.ts';
import type { Session } from '../session.ts';

/** Stores messages the client sends: all or none. RFC 9051 6.3.12, RFC 3502, RFC 4315 3 */
export const append = command({
  name: 'APPEND',
  capabilities: ['UIDPLUS', 'MULTIAPPEND', 'APPENDLIMIT'],
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
    requireTarget(session, target);
    const stored = await session.mail!.append(target, newMessages(session, messages));
    const { uidValidity } = stored[0]!.mailbox;
    return `[APPENDUID ${uidValidity} ${formatNumbers(stored.map((one) => one.uid))}] Append completed.`;
  },
});

/** The mailbox is there. @throws Fault noSuchMailbox with the detail that becomes TRYCREATE */
export function requireTarget(session: Session, target: string): void {
  const found = session.mail!.find(target);
  if (found === null || !found.selectable) throw new Fault('noSuchMailbox', 'target');
}

export function newMessages(session: Session, messages: readonly AppendMessage[]): NewMessage[] {
  return messages.map(({ flags, internalDate, parts }) => {
    const [part] = parts;
    if (part === undefined || parts.length > 1 || !('literal' in part)) throw new Fault('unsupported', 'CATENATE');
    const message = session.incoming[part.literal];
    if (message === undefined) throw new Fault('syntax', 'message literal expected');
    return { message, flags, ...(internalDate === null ? {} : { internalDate }) };
  });
}

/** Every literal is a message but the mailbox's name, which comes first, and URLs. */
export const appendLiterals: LiteralPolicy = {
  accepts(before, at) {
    if (before.length === at + 1) return false;
    return !/ URL $|\(URL $/i.test(before.slice(-5));
  },

  async check(session, before, at, size, soFar) {
    if (soFar === 0) {
      const line = new Cursor(before, { utf8: session.utf8 });
      line.at = at;
      line.space();
      requireTarget(session, session.fromWire(mailbox(line)));
    }
    checkSize(session, size);
  },

  receive: receiveMessage,
};

/** @throws Fault tooBig, overQuota */
export function checkSize(session: Session, size: number): void {
  if (size > session.settings.messageSizeLimit) throw new Fault('tooBig', `${size} octets`);
  const { quota } = session.mail!.account;
  if (quota > 0 && session.mail!.usage().bytes + size > quota) throw new Fault('overQuota', `${size} octets`);
}
