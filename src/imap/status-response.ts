import type { Mailbox } from '../store/store.ts';
import type { StatusItem } from './grammar/status.ts';
import type { Session } from './session.ts';

/** The STATUS response of one mailbox. RFC 9051 7.3.4 */
export function statusResponse(session: Session, mailbox: Mailbox, items: readonly StatusItem[]): string {
  if (items.includes('HIGHESTMODSEQ')) session.enableCondstore();
  const status = session.mail!.status(mailbox.id);
  const values: Readonly<Record<StatusItem, () => string | number>> = {
    MESSAGES: () => status.messages,
    RECENT: () => status.recent,
    UIDNEXT: () => status.uidNext,
    UIDVALIDITY: () => status.uidValidity,
    UNSEEN: () => status.unseen,
    DELETED: () => status.deleted,
    SIZE: () => status.size,
    HIGHESTMODSEQ: () => status.highestModSeq,
    APPENDLIMIT: () => session.settings.messageSizeLimit,
    MAILBOXID: () => `(${mailbox.mailboxId})`,
    'DELETED-STORAGE': () => status.deletedSize,
  };
  return `STATUS ${session.toWire(mailbox.name)} (${items.map((item) => `${item} ${values[item]()}`).join(' ')})`;
}
