import { Fault } from '../../mail/fault.ts';
import type { ModSeq, UidValidity } from '../../mail/numbers.ts';
import type { Cursor } from './cursor.ts';
import { ranges, type SeqRange } from './sequence-set.ts';

/** What a client remembers of a mailbox. RFC 7162 3.2.5 */
export interface Qresync {
  readonly uidValidity: UidValidity;
  readonly modSeq: ModSeq;
  readonly knownUids: readonly SeqRange[] | null;
  readonly knownSequence: { readonly sequenceNumbers: readonly SeqRange[]; readonly uids: readonly SeqRange[] } | null;
}

export interface SelectParameters {
  readonly condstore: boolean;
  readonly qresync: Qresync | null;
}

/** select-params = SP "(" select-param *(SP select-param) ")". RFC 4466 2.4, RFC 7162 3.1.8, 3.2.5 */
export function selectParameters(line: Cursor): SelectParameters {
  let condstore = false;
  let qresync: Qresync | null = null;
  if (line.accept(' ')) {
    line.list(() => {
      if (line.acceptWord('CONDSTORE')) condstore = true;
      else if (line.accept('QRESYNC ')) qresync = qresyncParameter(line);
      else throw new Fault('syntax', 'Unknown SELECT parameter');
    });
  }
  return { condstore: condstore || qresync !== null, qresync };
}

function qresyncParameter(line: Cursor): Qresync {
  line.expect('(');
  const uidValidity = line.nzNumber() as UidValidity;
  line.space();
  const modSeq = line.number64() as ModSeq;
  let knownUids: SeqRange[] | null = null;
  let knownSequence: Qresync['knownSequence'] = null;
  if (line.accept(' ')) {
    if (line.next !== '(') {
      knownUids = ranges(line);
      if (line.accept(' ')) knownSequence = sequenceMatch(line);
    } else knownSequence = sequenceMatch(line);
  }
  line.expect(')');
  return { uidValidity, modSeq, knownUids, knownSequence };
}

function sequenceMatch(line: Cursor): NonNullable<Qresync['knownSequence']> {
  line.expect('(');
  const sequenceNumbers = ranges(line);
  line.space();
  const uids = ranges(line);
  line.expect(')');
  return { sequenceNumbers, uids };
}
