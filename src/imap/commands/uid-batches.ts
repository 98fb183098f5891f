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
    const live = Array.from(view.uids.subarray(0, view.count)).filter((uid) => !view.isGone(uid));
    const all = Math.ceil(live.length / size);
    if (size < smallest && from <= all && live.length > 0) return { no: `[TOOFEW] Batches have at least ${smallest} messages` };
    const ranges: string[] = [];
    for (let batch = from; batch <= Math.min(to, all); batch++) {
      const end = live.length - (batch - 1) * size;
      ranges.push(`${live[Math.max(0, end - size)]}:${live[end - 1]}`);
    }
    session.out.untagged(`UIDBATCHES (TAG ${JSON.stringify(session.tag)})${ranges.length === 0 ? '' : ` ${ranges.join(',')}`}`);
    return 'Uidbatches completed.';
  },
});
