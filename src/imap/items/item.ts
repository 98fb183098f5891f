import type { Column } from '../../store/store.ts';
import type { FetchMessage } from '../fetch-message.ts';
import type { FetchItem } from '../grammar/fetch-items.ts';
import type { Output } from '../output.ts';
import type { Session } from '../session.ts';
import type { View } from '../view.ts';

/** How one item of one FETCH is answered, for each message in turn. */
export interface ItemWriter {
  /** Columns wanted of the row; the basic ones come with any. */
  readonly columns: readonly Column[];
  /** The same as `text`, of a place in the view: no row is read where all items can do with that. */
  readonly ofView?: (view: View, at: number) => string;
  /** \Seen is set. RFC 9051 6.4.5 */
  readonly marksSeen?: boolean;
  /** Runs before the response is begun: what can fail, fails here. @throws Fault expunged, unsupported */
  readonly prepare?: (message: FetchMessage) => Promise<unknown> | undefined;
  /** Name and value as octets in latin1. One of `text` and `write` is there. */
  readonly text?: (message: FetchMessage) => string;
  /** The same where it is at hand without waiting; null: `prepare` and `write` must do it. No effects. */
  readonly quick?: (message: FetchMessage) => string | null;
  /** The whole message as a literal of this label, where no other item needs more than the row: without strings in between. */
  readonly whole?: string;
  /** For what is not whole in memory. */
  readonly write?: (message: FetchMessage, out: Output) => Promise<void> | undefined;
}

/** A row of the registry of FETCH items. */
export interface FetchItemRow {
  readonly name: string;
  readonly capabilities?: readonly string[];
  writer(item: FetchItem, session: Session): ItemWriter;
}
