import { Fault } from '../../mail/fault.ts';
import type { Cursor } from './cursor.ts';
import { type FetchItem, fetchItems } from './fetch-items.ts';
import { mailbox } from './mailbox.ts';

export const notifyEvents = [
  'MessageNew',
  'MessageExpunge',
  'FlagChange',
  'MailboxName',
  'SubscriptionChange',
  'MailboxMetadataChange',
  'ServerMetadataChange',
] as const;

export type NotifyEvent = (typeof notifyEvents)[number];

export interface EventGroup {
  readonly filter: 'selected' | 'selected-delayed' | 'inboxes' | 'personal' | 'subscribed' | 'subtree' | 'mailboxes';
  /** For subtree and mailboxes. */
  readonly names: readonly string[];
  /** Empty for NONE. */
  readonly events: ReadonlySet<NotifyEvent>;
  /** What to tell of new messages in the selected mailbox. */
  readonly fetch: readonly FetchItem[];
}

export interface NotifySet {
  /** Tell the state of mailboxes at once. */
  readonly status: boolean;
  readonly groups: readonly EventGroup[];
  /** Events named that we cannot tell of. */
  readonly unknown: readonly string[];
}

const filters = ['selected-delayed', 'selected', 'inboxes', 'personal', 'subscribed', 'subtree', 'mailboxes'] as const;
const most = 1000;

/** notify = "NOTIFY" SP (notify-set / "NONE"). Null for NONE. RFC 5465 8 */
export function notifyArguments(line: Cursor): NotifySet | null {
  line.space();
  if (line.acceptWord('NONE')) {
    line.end();
    return null;
  }
  line.expect('SET');
  const status = line.accept(' STATUS');
  const groups: EventGroup[] = [];
  const unknown: string[] = [];
  do {
    line.space();
    groups.push(eventGroup(line, unknown));
    if (groups.length > most) throw new Fault('tooMany', 'event groups');
  } while (!line.atEnd);
  line.end();
  return { status, groups, unknown };
}

function eventGroup(line: Cursor, unknown: string[]): EventGroup {
  line.expect('(');
  const filter = filters.find((name) => line.acceptWord(name)) ?? line.fail('filter');
  let names: string[] = [];
  if (filter === 'subtree' || filter === 'mailboxes') {
    line.space();
    names = line.next === '(' ? line.list(() => mailbox(line)) : [mailbox(line)];
    if (names.length > most) throw new Fault('tooMany', 'mailboxes');
  }
  line.space();
  const events = new Set<NotifyEvent>();
  let fetch: FetchItem[] = [];
  if (!line.acceptWord('NONE')) {
    line.list(() => {
      const word = line.atom();
      const event = notifyEvents.find((name) => name.toLowerCase() === word.toLowerCase());
      if (event === undefined) unknown.push(word);
      else events.add(event);
      if (event === 'MessageNew' && line.accept(' (')) {
        line.at--;
        fetch = fetchItems(line);
      }
    });
  }
  line.expect(')');
  // One without the other leaves a client with wrong numbers. RFC 5465 5
  const both = events.has('MessageNew') && events.has('MessageExpunge');
  const either = events.has('MessageNew') || events.has('MessageExpunge') || events.has('FlagChange');
  if (either && !both) throw new Fault('syntax', 'MessageNew and MessageExpunge go together');
  if (fetch.length > 0 && !filter.startsWith('selected')) throw new Fault('syntax', 'fetch items are for the selected mailbox');
  return { filter, names, events, fetch };
}
