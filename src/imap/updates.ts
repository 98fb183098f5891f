import { Share } from '../base/share.ts';
import { Fault } from '../mail/fault.ts';
import { systemFlags } from '../mail/flags.ts';
import type { ModSeq } from '../mail/numbers.ts';
import { removeGone, updateContexts } from './context.ts';
import { utf8 } from './grammar/format.ts';
import { formatNumbers } from './grammar/sequence-set.ts';
import type { Session } from './session.ts';
import { allowedFlags } from './user-mail.ts';
import type { View } from './view.ts';

/**
 * Tells what has changed in the selected mailbox since the client last heard. Expunged messages only when `withExpunged`,
 * because they shift sequence numbers that a command in flight may use. RFC 9051 7.5.1
 */
export async function sendUpdates(session: Session, withExpunged: boolean): Promise<void> {
  const { mail, view } = session.selected;
  try {
    if (mail.get(view.mailbox.id)?.uidValidity !== view.mailbox.uidValidity) throw new Fault('noSuchMailbox');
    const asked = view.changes();
    const changes = asked instanceof Promise ? await asked : asked;
    if (changes.highestModSeq === view.modSeq && !view.hasGone) {
      view.toldModSeq = view.modSeq;
      return;
    }
    const { touched, added, returned } = view.advance(changes);
    if (returned) {
      // Before it hears of a mod-sequence that would have it believe it knows them.
      session.unselect();
      session.bye('Messages came back to the selected mailbox, have to disconnect.');
      return;
    }
    // New messages may bring new keywords, which any FETCH may show from now on. RFC 9051 7.3.5
    if (!changes.complete || view.hasNewKeyword(changes.changed.flags)) sendKeywords(session, view);
    const changed = view.contexts.length === 0 ? [] : touched.map((at) => view.uids[at]!);
    if (touched.length > 0) await sendFlags(session, view, touched);
    if (withExpunged) await sendExpunged(session, view);
    if (added > 0) session.out.untagged(`${view.count} EXISTS`);
    if (!session.rev2) {
      if (added > 0) await claimRecent(session, view);
      if (view.recentCount !== view.toldRecent) sendRecent(session, view);
    }
    if (!view.hasGone) view.toldModSeq = view.modSeq;
    if (view.contexts.length === 0) return;
    for (let at = view.count - added; at < view.count; at++) changed.push(view.uids[at]!);
    await updateContexts(session, view, [...changed, ...view.changedHere.splice(0)]);
  } catch (error) {
    if (!(error instanceof Fault) || error.kind !== 'noSuchMailbox') throw error;
    session.unselect();
    session.bye('Selected mailbox was deleted, have to disconnect.');
  }
}

/** EXPUNGE a message, or VANISHED for all of them. RFC 7162 3.2.10 */
async function sendExpunged(session: Session, view: View): Promise<void> {
  if (!view.hasGone) return;
  if (view.contexts.length > 0) removeGone(session, view, view.gone);
  const { uids, sequenceNumbers } = view.expunge();
  if (uids.length === 0) return;
  const { out } = session;
  if (session.enabled.has('QRESYNC') || session.uidOnly) {
    out.untagged(`VANISHED ${formatNumbers(uids)}`);
    return;
  }
  const share = new Share();
  for (let i = 0; i < sequenceNumbers.length; i++) {
    if (i % 1000 === 999) await (out.drained() ?? share.next());
    out.untagged(`${sequenceNumbers[i]} EXPUNGE`);
  }
}

/** RFC 3501 7.3.2 */
export function sendRecent({ out }: Session, view: View): void {
  view.toldRecent = view.recentCount;
  out.untagged(`${view.toldRecent} RECENT`);
}

/** Makes new messages recent in this session, unless another has them already. RFC 3501 2.3.2 */
export async function claimRecent(session: Session, view: View): Promise<void> {
  const { mail } = session.selected;
  const { id } = view.mailbox;
  const first = mail.firstRecent(id);
  if (view.readOnly) {
    if (!view.isRecent(view.uidNext - 1)) view.addRecent(first, view.uidNext);
    return;
  }
  if (first >= view.uidNext) return;
  view.addRecent(...(await mail.claimRecent(id)));
}

/** `FETCH (FLAGS …)` for what another session, or this one without being asked to show it, has changed. */
export async function sendFlags(session: Session, view: View, places: readonly number[]): Promise<void> {
  const share = new Share();
  let n = 0;
  sendKeywords(session, view);
  const { out } = session;
  const condstore = session.enabled.has('CONDSTORE');
  const withUid = (condstore || session.rev2) && !session.uidOnly;
  const recent = !session.rev2;
  for (const at of places) {
    if (view.isGone(view.uids[at]!)) continue;
    const uid = withUid ? `UID ${view.uids[at]} ` : '';
    const modSeq = condstore ? ` MODSEQ (${view.modSeqs[at] as ModSeq})` : '';
    out.text(`${session.fetchHead(view, at)}${uid}FLAGS (${view.flagText(at, recent)})${modSeq})\r\n`);
    if (++n % 1000 === 0) await (out.drained() ?? share.next());
  }
}

/** FLAGS and PERMANENTFLAGS again when there are keywords the client has not heard of. RFC 9051 7.3.5 */
export function sendKeywords(session: Session, view: View): void {
  if (view.refreshKeywords()) sendFlagLists(session, view);
}

export function sendFlagLists(session: Session, view: View): void {
  const flags = [...systemFlags, ...view.keywords.map(utf8)].join(' ');
  session.out.untagged(`FLAGS (${flags})`);
  if (view.readOnly) session.out.untagged('OK [PERMANENTFLAGS ()] Read-only mailbox.');
  else {
    // Of somebody else's mailbox, what may be changed. RFC 4314 5.1.1
    const permitted = allowedFlags([...systemFlags, ...view.keywords.map(utf8), '\\*'], session.selected.mail.rights(view.mailbox.id));
    session.out.untagged(`OK [PERMANENTFLAGS (${permitted.join(' ')})] Flags permitted.`);
  }
}
