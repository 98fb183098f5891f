import { Share } from '../../base/share.ts';
import type { Mailbox } from '../../store/store.ts';
import { command } from '../command.ts';
import { type ListArguments, listArguments } from '../grammar/list.ts';
import { mailboxPattern } from '../mailbox-pattern.ts';
import { sendMetadata } from '../metadata.ts';
import type { Session } from '../session.ts';
import { statusResponse } from '../status-response.ts';
import { myRightsResponse } from './acl.ts';

/** RFC 9051 6.3.9, RFC 5258, RFC 5819, RFC 6154 5, RFC 8440, RFC 9590 */
export const list = command({
  name: 'LIST',
  capabilities: ['LIST-EXTENDED', 'LIST-STATUS', 'LIST-MYRIGHTS', 'LIST-METADATA'],
  states: ['authenticated', 'selected'],
  parse: listArguments,

  async run(args, session) {
    const { out, settings } = session;
    // Asks only for the separator. RFC 9051 6.3.9
    if (args.returns === null && args.patterns[0] === '') {
      out.untagged(`LIST (\\Noselect) "${settings.separator}" ""`);
      return;
    }
    const matches = matcher(session, args);
    const returns = args.returns ?? { subscribed: false, children: true, specialUse: true, status: [], myRights: false, metadata: [] };
    const names = new Names(session);
    const below = args.recursive ? names.below(args, matches) : null;
    const share = new Share();
    for (const [name, mailbox] of names.all) {
      if (!matches(name)) continue;
      const subscribed = names.subscribed.has(name);
      const selected = (!args.subscribed || subscribed) && (!args.specialUse || mailbox?.specialUse != null);
      const childInfo = below === null ? [] : [...below].filter(([, above]) => above.has(name)).map(([option]) => option);
      if (!selected && childInfo.length === 0) continue;
      if (mailbox === null && !args.subscribed && childInfo.length === 0) continue;
      const attributes: string[] = [];
      if (mailbox === null) attributes.push('\\NonExistent');
      else if (!mailbox.selectable) attributes.push(args.returns === null ? '\\Noselect' : '\\NonExistent');
      if (returns.subscribed && subscribed) attributes.push('\\Subscribed');
      if (mailbox !== null) attributes.push(names.parents.has(name) ? '\\HasChildren' : '\\HasNoChildren');
      if (mailbox?.specialUse != null) attributes.push(mailbox.specialUse);
      const info = childInfo.length === 0 ? '' : ` (CHILDINFO (${childInfo.map((one) => `"${one}"`).join(' ')}))`;
      out.untagged(`LIST (${attributes.join(' ')}) "${settings.separator}" ${session.toWire(name)}${info}`);
      if (mailbox === null || !mailbox.selectable || !selected) continue;
      const rights = session.mail!.rights(mailbox.id);
      if (returns.myRights) out.untagged(myRightsResponse(session, mailbox));
      if (returns.metadata.length > 0 && /[rswip]/.test(rights)) {
        sendMetadata(session, mailbox, returns.metadata, { maxSize: null, depth: 0 });
        await (out.drained() ?? share.next());
      }
      if (returns.status.length > 0 && rights.includes('r')) {
        out.untagged(statusResponse(session, mailbox, returns.status));
        await (out.drained() ?? share.next());
      }
    }
  },
});

/** All names there are: mailboxes, and subscriptions without one. */
class Names {
  readonly all = new Map<string, Mailbox | null>();
  readonly subscribed: Set<string>;
  /** Names with something below. */
  readonly parents = new Set<string>();

  constructor({ mail }: Session) {
    this.subscribed = new Set(mail!.subscriptions());
    for (const mailbox of mail!.list()) this.all.set(mailbox.name, mailbox);
    for (const name of this.all.keys()) for (const above of ancestors(name)) this.parents.add(above);
    for (const name of this.subscribed) if (!this.all.has(name)) this.all.set(name, null);
    // The way down to a subscribed name that is gone may be gone, too; RECURSIVEMATCH can still ask for it.
    for (const name of this.subscribed) for (const above of ancestors(name)) if (!this.all.has(above)) this.all.set(above, null);
  }

  /** By criterion: the names it holds for further down, of what the pattern does not show itself. RFC 5258 3.5 */
  below({ subscribed, specialUse }: ListArguments, matches: (name: string) => boolean): Map<string, Set<string>> {
    const above = (names: Iterable<string>): Set<string> =>
      new Set([...names].filter((name) => !matches(name)).flatMap((name) => [...ancestors(name)]));
    const found = new Map<string, Set<string>>();
    if (subscribed) found.set('SUBSCRIBED', above(this.subscribed));
    if (specialUse)
      found.set('SPECIAL-USE', above([...this.all].flatMap(([name, mailbox]) => (mailbox?.specialUse == null ? [] : [name]))));
    return found;
  }
}

export function* ancestors(name: string): Iterable<string> {
  for (let at = name.lastIndexOf('/'); at > 0; at = name.lastIndexOf('/', at - 1)) yield name.slice(0, at);
}

/** Reference and patterns as one test on store names. */
export function matcher(
  session: Session,
  { reference, patterns }: Pick<ListArguments, 'reference' | 'patterns'>,
): (name: string) => boolean {
  const tests = patterns.map((pattern) => mailboxPattern(session.fromWire(`${reference}${pattern}`)));
  return (name) => tests.some((test) => test(name));
}
