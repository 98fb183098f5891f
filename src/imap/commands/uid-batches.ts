import { command } from '../command.ts';
import { CodedFault } from '../faults.ts';

/** Smaller batches than this are not worth asking for. */
const smallest = 500;

/** Cuts the mailbox into UID ranges of so many messages each, the newest first. RFC 10022 3.1. Not announced: docs/decisions/0013. */
export const uidBatches = command({
  name: 'UIDBATCHES',
  states: ['selected'],

  parse(line) {
    line.space();
    const size = line.nzNumber();
    let from = 1;
    let to = Number.MAX_SAFE_INTEGER;
    if (line.accept(' ')) {
      from = line.nzNumber();
      line.expect(':');
      to = line.nzNumber();
      // RFC 10022 3.1.5
      if (to < from) throw new CodedFault('syntax', 'CLIENTBUG', 'batches from low to high');
    }
    line.end();
    return { size, from, to };
  },

  run({ size, from, to }, session) {
    const { view } = session.selected;
    const all = view.uids.subarray(0, view.count);
    const live = view.hasGone ? all.filter((uid) => !view.isGone(uid)) : all;
    if (size < smallest && from <= Math.ceil(live.length / size)) return { no: `[TOOFEW] Batches have at least ${smallest} messages` };
    const ranges = uidRanges(live, size, from, to);
    session.out.untagged(`UIDBATCHES (TAG ${JSON.stringify(session.tag)})${ranges.length === 0 ? '' : ` ${ranges.join(',')}`}`);
    return 'Uidbatches completed.';
  },
});

/**
 * Batches `from` to `to` of `uids` (ascending) as ranges from high to low, each beginning right below the one before; the last there
 * is reaches down to 1. So every UID up to the highest is in one of them. RFC 10022 3.1
 */
export function uidRanges(uids: Uint32Array, size: number, from: number, to: number): string[] {
  const ranges: string[] = [];
  const batches = Math.ceil(uids.length / size);
  for (let batch = from; batch <= Math.min(to, batches); batch++) {
    const end = uids.length - (batch - 1) * size;
    const high = batch === 1 ? uids[end - 1]! : uids[end]! - 1;
    ranges.push(`${high}:${batch === batches ? 1 : uids[end - size]!}`);
  }
  return ranges;
}
