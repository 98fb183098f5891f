import { seen } from '../mail/flags.ts';
import type { Mailbox } from '../store/store.ts';
import type { SelectParameters } from './grammar/select-parameters.ts';
import { resynchronize } from './resynchronize.ts';
import type { Session } from './session.ts';
import { claimRecent, sendFlagLists, sendRecent } from './updates.ts';
import { View } from './view.ts';

/** Selects `mailbox` and says what a client must know of it. RFC 9051 6.3.2 */
export async function openView(session: Session, mailbox: Mailbox, readOnly: boolean, parameters: SelectParameters): Promise<void> {
  const { out } = session;
  const mail = session.mail!;
  await mail.refresh(mailbox.id);
  const view = new View(mail, mailbox, mail.snapshot(mailbox.id), readOnly);
  session.view = view;
  await claimRecent(session, view);
  sendFlagLists(session, view);
  out.untagged(`${view.count} EXISTS`);
  if (!session.rev2) sendRecent(session, view);
  const firstUnseen = session.rev2 || session.uidOnly ? -1 : findUnseen(view);
  if (firstUnseen >= 0) out.untagged(`OK [UNSEEN ${firstUnseen + 1}] First unseen.`);
  out.untagged(`OK [UIDVALIDITY ${mailbox.uidValidity}] UIDs valid`);
  out.untagged(`OK [UIDNEXT ${view.uidNext}] Predicted next UID`);
  out.untagged(`OK [HIGHESTMODSEQ ${view.modSeq}] Highest`);
  // RFC 8474 4.2
  out.untagged(`OK [MAILBOXID (${mailbox.mailboxId})] Mailbox ID`);
  // RFC 4467 8
  out.untagged('OK [URLMECH INTERNAL] Authorised URLs');
  // RFC 9051 6.3.2: LIST tells the mailbox's canonical name.
  if (session.rev2) out.untagged(`LIST () "${session.settings.separator}" ${session.toWire(mailbox.name)}`);
  if (parameters.qresync !== null) await resynchronize(session, view, parameters.qresync);
}

function findUnseen(view: View): number {
  const { flags, count } = view;
  for (let i = 0; i < count; i++) if ((flags[i]! & seen) === 0) return i;
  return -1;
}
