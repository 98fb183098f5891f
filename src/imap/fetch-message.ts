import { Fault } from '../mail/fault.ts';
import type { Part } from '../mail/mime/part.ts';
import type { Uid } from '../mail/numbers.ts';
import type { AccountStore, MessageFile, MessageRow } from '../store/store.ts';
import type { View } from './view.ts';

/** Octets of a message that is read as one. */
const small = 64 * 1024;

/** The message a FETCH is at; one object serves them all, one after the other. */
export class FetchMessage {
  readonly mail: AccountStore;
  readonly view: View;
  /** Place in the view. */
  at = 0;
  uid = 0 as Uid;
  #row: MessageRow | null = null;
  #file: MessageFile | null = null;
  #root: Part | null = null;
  #text: string | null | undefined = undefined;

  constructor(mail: AccountStore, view: View) {
    this.mail = mail;
    this.view = view;
  }

  /** Only where an item asked for it. */
  get row(): MessageRow {
    return this.#row!;
  }

  move(at: number, row: MessageRow | null): void {
    this.close();
    this.at = at;
    this.uid = this.view.uids[at]! as Uid;
    this.#row = row;
    this.#root = null;
    this.#text = undefined;
  }

  /** The whole of a small message, as in its file, octets as latin1; null where it must be opened. */
  smallText(): string | null {
    if (this.#text === undefined) this.#text = this.smallOctets()?.toString('latin1') ?? null;
    return this.#text;
  }

  /** The same, until the next message is read. */
  smallOctets(): Buffer | null {
    return this.#row?.readOctets?.(small) ?? null;
  }

  /** @throws Fault expunged */
  async file(): Promise<MessageFile> {
    this.#file ??= await this.mail.openMessage(this.view.mailbox.id, this.uid);
    return this.#file;
  }

  /** The MIME structure. @throws Fault expunged */
  root(): Part {
    if (this.#root !== null) return this.#root;
    let json = this.#row?.structure;
    if (json === undefined) {
      for (const rows of this.mail.fetch(this.view.mailbox.id, [this.uid], ['structure'])) json = rows[0]?.structure;
    }
    if (json === undefined) throw new Fault('expunged', `${this.uid}`);
    this.#root = JSON.parse(json) as Part;
    return this.#root;
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }
}
