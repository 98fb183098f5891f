import { Fault } from '../../mail/fault.ts';
import type { Cursor } from './cursor.ts';
import { listPattern, mailbox } from './mailbox.ts';
import { entryNames } from './metadata.ts';
import { type StatusItem, statusItems } from './status.ts';

export interface ListArguments {
  readonly reference: string;
  readonly patterns: readonly string[];
  /** Selection options. RFC 5258 3.1, RFC 6154 5.2 */
  readonly subscribed: boolean;
  readonly recursive: boolean;
  readonly specialUse: boolean;
  /** Return options; null where the command is the plain LIST of RFC 3501. */
  readonly returns: {
    readonly subscribed: boolean;
    readonly children: boolean;
    readonly specialUse: boolean;
    readonly status: readonly StatusItem[];
    /** RFC 8440 */
    readonly myRights: boolean;
    /** Entries. RFC 9590 */
    readonly metadata: readonly string[];
  } | null;
}

const mostPatterns = 100;

/** list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]. RFC 9051 6.3.9, RFC 5258 6 */
export function listArguments(line: Cursor): ListArguments {
  line.space();
  const select = new Set<string>();
  let extended = false;
  if (line.next === '(') {
    extended = true;
    for (const option of line.list(() => line.atom().toUpperCase())) {
      if (!['SUBSCRIBED', 'REMOTE', 'RECURSIVEMATCH', 'SPECIAL-USE'].includes(option))
        throw new Fault('syntax', `Unknown select option ${option}`);
      select.add(option);
    }
    // RECURSIVEMATCH alone, or with REMOTE only, means nothing. RFC 5258 3.1
    if (select.has('RECURSIVEMATCH') && !select.has('SUBSCRIBED') && !select.has('SPECIAL-USE')) {
      throw new Fault('syntax', 'RECURSIVEMATCH must not be the only selection');
    }
    line.space();
  }
  const reference = mailbox(line);
  line.space();
  let patterns: string[];
  if (line.next === '(') {
    extended = true;
    patterns = line.list(() => listPattern(line));
    if (patterns.length === 0 || patterns.length > mostPatterns) throw new Fault('syntax', 'patterns');
  } else patterns = [listPattern(line)];
  const returns = {
    subscribed: select.has('SUBSCRIBED'),
    children: false,
    specialUse: select.has('SPECIAL-USE'),
    status: [] as StatusItem[],
    myRights: false,
    metadata: [] as string[],
  };
  if (line.accept(' RETURN ')) {
    extended = true;
    line.list(() => {
      if (line.acceptWord('SUBSCRIBED')) returns.subscribed = true;
      else if (line.acceptWord('CHILDREN')) returns.children = true;
      else if (line.acceptWord('SPECIAL-USE')) returns.specialUse = true;
      else if (line.accept('STATUS ')) returns.status = statusItems(line);
      else if (line.acceptWord('MYRIGHTS')) returns.myRights = true;
      else if (line.accept('METADATA ')) returns.metadata = entryNames(line);
      else throw new Fault('syntax', 'Unknown return option');
    });
  }
  line.end();
  return {
    reference,
    patterns,
    subscribed: select.has('SUBSCRIBED'),
    recursive: select.has('RECURSIVEMATCH'),
    specialUse: select.has('SPECIAL-USE'),
    returns: extended ? returns : null,
  };
}
