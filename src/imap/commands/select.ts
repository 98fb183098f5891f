import { Fault } from '../../mail/fault.ts';
import { command } from '../command.ts';
import { CodedFault } from '../faults.ts';
import type { Cursor } from '../grammar/cursor.ts';
import { mailbox } from '../grammar/mailbox.ts';
import { type SelectParameters, selectParameters } from '../grammar/select-parameters.ts';
import { openView } from '../open-view.ts';
import type { Session } from '../session.ts';

function parse(line: Cursor): { readonly name: string; readonly parameters: SelectParameters } {
  line.space();
  const name = mailbox(line);
  const parameters = selectParameters(line);
  line.end();
  return { name, parameters };
}

/** RFC 9051 6.3.2 */
export const select = command({
  name: 'SELECT',
  states: ['authenticated', 'selected'],
  updates: 'none',
  parse,
  run: (args, session) => open(args, session, false),
});

/** RFC 9051 6.3.3 */
export const examine = command({
  name: 'EXAMINE',
  states: ['authenticated', 'selected'],
  updates: 'none',
  parse,
  run: (args, session) => open(args, session, true),
});

async function open({ name, parameters }: ReturnType<typeof parse>, session: Session, readOnly: boolean): Promise<string> {
  const { mail, out } = session;
  if (parameters.qresync !== null && !session.enabled.has('QRESYNC')) throw new Fault('syntax', 'QRESYNC not enabled');
  if (parameters.qresync?.knownSequence != null && session.uidOnly) throw new CodedFault('syntax', 'UIDREQUIRED', 'message numbers');
  // Whatever comes of it, the mailbox selected before is closed. RFC 9051 6.3.2
  if (session.view !== null) {
    session.unselect();
    if (session.rev2 || session.enabled.has('QRESYNC')) out.untagged('OK [CLOSED] Previous mailbox closed.');
  }
  const found = mail!.find(session.fromWire(name));
  if (found === null || !found.selectable) throw new Fault('noSuchMailbox', name);
  if (parameters.condstore) session.enableCondstore();
  // RFC 4314 5.2
  const locked = readOnly || !/[istwe]/.test(mail!.rights(found.id));
  await openView(session, found, locked, parameters);
  if (readOnly) return '[READ-ONLY] Examine completed.';
  return locked ? '[READ-ONLY] Select completed.' : '[READ-WRITE] Select completed.';
}
