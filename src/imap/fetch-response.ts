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
    if (writers.every((writer) => writer.viewOnly === true)) {
      await respondFromView(session, places, writers, message);
      return true;
    }
    const uids = view.uidsOf(places);
    const quick = writers.every((writer) => writer.text !== undefined || writer.quick !== undefined);
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
        const text = quick ? line(session, message, writers) : null;
        if (text === null) {
          if (!(await respondInPieces(session, message, writers))) whole = false;
        } else {
          session.out.text(text);
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

/** For UID, FLAGS, MODSEQ: no row is read at all. */
async function respondFromView(session: Session, places: Places, writers: readonly ItemWriter[], message: FetchMessage): Promise<void> {
  const { out } = session;
  const share = new Share();
  for (let i = 0; i < places.length; i++) {
    message.move(places[i]!, null);
    out.text(line(session, message, writers)!);
    if (i % 1000 === 999) await (out.drained() ?? share.next());
  }
}

/** The whole response; null where some of it is not at hand. */
function line(session: Session, message: FetchMessage, writers: readonly ItemWriter[]): string | null {
  let line = session.fetchHead(message.view, message.at);
  for (let i = 0; i < writers.length; i++) {
    const { text, quick } = writers[i]!;
    const item = text === undefined ? quick!(message) : text(message);
    if (item === null) return null;
    line += i === 0 ? item : ` ${item}`;
  }
  return `${line})\r\n`;
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
