import { Share } from '../base/share.ts';
import { Fault } from '../mail/fault.ts';
import type { Column, MessageRow } from '../store/store.ts';
import { FetchMessage } from './fetch-message.ts';
import type { ItemWriter } from './items/item.ts';
import type { Session } from './session.ts';
import type { Places } from './view.ts';

/** Messages whose rows are asked for at a time. */
const step = 200;

/**
 * One FETCH response a message, rows to socket without anything in between. @returns false where messages were gone
 */
export async function respond(
  session: Session,
  places: Places,
  writers: readonly ItemWriter[],
  columns: readonly Column[],
): Promise<boolean> {
  const { mail, view } = session.selected;
  const message = new FetchMessage(mail, view);
  try {
    const fromView = writers.flatMap(({ ofView }) => ofView ?? []);
    if (fromView.length === writers.length) {
      await respondFromView(session, places, fromView);
      return true;
    }
    const uids = view.uidsOf(places);
    const quick = writers.every((writer) => writer.text !== undefined || writer.quick !== undefined);
    const wholes = writers.filter((writer) => writer.whole !== undefined);
    const isWhole = wholes.length === 1 && writers.every((writer) => writer.text !== undefined || writer.whole !== undefined);
    let next = 0;
    let whole = true;
    const share = new Share();
    for await (const rows of fetched(session, uids, columns)) {
      for (const row of rows) {
        while (next < uids.length && uids[next]! < row.uid) {
          next++;
          whole = false;
        }
        if (uids[next] !== row.uid) continue;
        message.move(places[next++]!, row);
        if (!(isWhole ? putWhole(session, message, writers) : quick && putLine(session, message, writers))) {
          if (!(await respondInPieces(session, message, writers))) whole = false;
        } else {
          const busy = session.out.slow() ?? share.next();
          if (busy !== undefined) await busy;
        }
      }
      await (session.out.drained() ?? share.next());
    }
    return whole && next === uids.length;
  } finally {
    message.close();
  }
}

/** Rows of `uids`, a few hundred at a time; contents that were not read yet are read beside the loop first. */
async function* fetched(session: Session, uids: Uint32Array, columns: readonly Column[]): AsyncGenerator<readonly MessageRow[]> {
  const { mail, view } = session.selected;
  const { id } = view.mailbox;
  for (let from = 0; from < uids.length; from += step) {
    const some = uids.subarray(from, from + step);
    const reading = columns.length > 0 ? mail.read(id, some) : undefined;
    if (reading !== undefined) await reading;
    yield* mail.fetch(id, some, columns);
  }
}

type OfView = NonNullable<ItemWriter['ofView']>;

/** For UID, FLAGS, MODSEQ: no row is read at all. */
async function respondFromView(session: Session, places: Places, items: readonly OfView[]): Promise<void> {
  const { out } = session;
  const share = new Share();
  for (let from = 0; from < places.length; from += step) {
    out.text(viewLines(session, places, from, Math.min(from + step, places.length), items));
    const busy = out.slow() ?? share.next();
    if (busy !== undefined) await busy;
  }
}

/** One loop with little in it: code that is compiled before the first long answer is over. */
function viewLines(session: Session, places: Places, from: number, to: number, items: readonly OfView[]): string {
  const { view } = session.selected;
  let lines = '';
  for (let i = from; i < to; i++) {
    const at = places[i]!;
    lines += session.fetchHead(view, at);
    for (let n = 0; n < items.length; n++) lines += n === 0 ? items[0]!(view, at) : ` ${items[n]!(view, at)}`;
    lines += ')\r\n';
  }
  return lines;
}

/** The whole response. @returns false where some of it is not at hand, and nothing was written */
function putLine(session: Session, message: FetchMessage, writers: readonly ItemWriter[]): boolean {
  let line = session.fetchHead(message.view, message.at);
  for (let i = 0; i < writers.length; i++) {
    const { text, quick } = writers[i]!;
    const item = text === undefined ? quick!(message) : text(message);
    if (item === null) return false;
    line += i === 0 ? item : ` ${item}`;
  }
  session.out.text(`${line})\r\n`);
  return true;
}

/** The same with one message as it lies in its file among the items. */
function putWhole(session: Session, message: FetchMessage, writers: readonly ItemWriter[]): boolean {
  const octets = message.smallOctets();
  if (octets === null) return false;
  const { out } = session;
  let before = session.fetchHead(message.view, message.at);
  for (let i = 0; i < writers.length; i++) {
    const { text, whole } = writers[i]!;
    if (i > 0) before += ' ';
    if (whole === undefined) before += text!(message);
    else {
      out.text(before);
      before = '';
      out.literal(whole, octets, message.row.size);
    }
  }
  out.text(`${before})\r\n`);
  return true;
}

/** @returns false where the message is gone; nothing was said of it then */
async function respondInPieces(session: Session, message: FetchMessage, writers: readonly ItemWriter[]): Promise<boolean> {
  const { out } = session;
  try {
    for (const writer of writers) {
      const busy = writer.prepare?.(message);
      if (busy !== undefined) await busy;
    }
  } catch (error) {
    if (error instanceof Fault && error.kind === 'expunged') return false;
    throw error;
  }
  try {
    session.inResponse = true;
    out.text(session.fetchHead(message.view, message.at));
    for (let i = 0; i < writers.length; i++) {
      if (i > 0) out.text(' ');
      const { text, write } = writers[i]!;
      if (text !== undefined) out.text(text(message));
      else {
        const busy = write!(message, out);
        if (busy !== undefined) await busy;
      }
    }
    out.text(')\r\n');
    session.inResponse = false;
  } catch (error) {
    // A response cut in the middle cannot be mended.
    session.connection.destroy();
    throw error;
  }
  const busy = out.slow();
  if (busy !== undefined) await busy;
  return true;
}
