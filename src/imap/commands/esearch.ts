import { Share } from '../../base/share.ts';
import { Fault } from '../../mail/fault.ts';
import type { Mailbox } from '../../store/store.ts';
import { command } from '../command.ts';
import type { Cursor } from '../grammar/cursor.ts';
import { mailbox } from '../grammar/mailbox.ts';
import { searchProgram } from '../grammar/search-key.ts';
import { everything, searchReturn } from '../grammar/search-return.ts';
import { requireUids, resolveKey } from '../search.ts';
import { sendExtended } from '../search-response.ts';
import type { Session } from '../session.ts';
import { View } from '../view.ts';

interface Scope {
  readonly filter: 'selected' | 'selected-delayed' | 'inboxes' | 'personal' | 'subscribed' | 'subtree-one' | 'subtree' | 'mailboxes';
  readonly names: readonly string[];
}

const filters: readonly Scope['filter'][] = [
  'selected-delayed',
  'selected',
  'inboxes',
  'personal',
  'subscribed',
  'subtree-one',
  'subtree',
  'mailboxes',
];

/** scope-option-source = "IN" SP "(" filter *(SP filter) ")". RFC 7377 3 */
function scopes(line: Cursor): Scope[] {
  if (!line.accept('IN ')) return [{ filter: 'selected', names: [] }];
  const found = line.list((): Scope => {
    const filter = filters.find((one) => line.acceptWord(one)) ?? line.fail('scope');
    if (filter !== 'mailboxes' && filter !== 'subtree' && filter !== 'subtree-one') return { filter, names: [] };
    line.space();
    return { filter, names: line.next === '(' ? line.list(() => mailbox(line)) : [mailbox(line)] };
  });
  line.space();
  return found;
}

/** Searches several mailboxes at once; UIDs alone, as each has its own numbers. RFC 7377 */
export const esearch = command({
  name: 'ESEARCH',
  capabilities: ['MULTISEARCH'],
  states: ['authenticated', 'selected'],

  parse(line) {
    line.space();
    const scope = scopes(line);
    const returns = searchReturn(line) ?? everything;
    const key = searchProgram(line);
    line.end();
    return { scope, returns, key };
  },

  async run({ scope, returns, key }, session) {
    requireUids(key);
    if (returns.save || returns.update) throw new Fault('syntax', 'SAVE and UPDATE are for one mailbox');
    if (returns.relevancy) throw new Fault('syntax', 'RELEVANCY is for one mailbox');
    const mail = session.mail!;
    const share = new Share();
    for (const one of inScope(session, scope)) {
      const selected = session.view?.mailbox.id === one.id ? session.view : null;
      const view = selected ?? new View(mail, one, mail.snapshot(one.id), true);
      const places = view.placesOf(await mail.search(one.id, resolveKey(key, view)));
      // Mailboxes without a match are not spoken of. RFC 7377 2.1
      if (places.length > 0) {
        const origin = `MAILBOX ${session.toWire(one.name)} UIDVALIDITY ${one.uidValidity}`;
        sendExtended(session, { view, places, byUid: true, modSeq: false, scores: null }, returns, origin);
      }
      await (session.out.drained() ?? share.next());
    }
  },
});

function inScope(session: Session, scope: readonly Scope[]): Mailbox[] {
  const mail = session.mail!;
  const subscribed = new Set(mail.subscriptions());
  const matches = ({ id, name }: Mailbox, { filter, names }: Scope): boolean => {
    const paths = names.map((one) => session.fromWire(one));
    switch (filter) {
      case 'selected':
      case 'selected-delayed':
        return session.view?.mailbox.id === id;
      case 'inboxes':
        return name === 'INBOX';
      case 'personal':
        return mail.route(name) === null;
      case 'subscribed':
        return subscribed.has(name);
      case 'mailboxes':
        return paths.includes(name);
      case 'subtree':
        return paths.some((path) => name === path || name.startsWith(`${path}/`));
      case 'subtree-one':
        return paths.some((path) => name === path || (name.startsWith(`${path}/`) && !name.includes('/', path.length + 1)));
    }
  };
  const readable = mail.list().filter((one) => one.selectable && mail.rights(one.id).includes('r'));
  return readable.filter((one) => scope.some((some) => matches(one, some)));
}
