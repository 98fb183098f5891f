import { Fault } from '../mail/fault.ts';
import type { ModSeq, Uid } from '../mail/numbers.ts';
import type { MessageRow } from './store.ts';
import type { Block } from './tables/block.ts';

/** One message of a block. */
export class BlockRow implements MessageRow {
  readonly moreKeywords: readonly string[];
  readonly #block: Block;
  readonly #at: number;
  readonly #one: (uid: number) => MessageRow | null;
  #whole: MessageRow | null = null;

  /** @param one the row by itself, for what is rarely asked for together with these columns */
  constructor(block: Block, at: number, moreKeywords: readonly string[], one: (uid: number) => MessageRow | null) {
    this.moreKeywords = moreKeywords;
    this.#block = block;
    this.#at = at;
    this.#one = one;
  }

  get uid(): Uid {
    return this.#block.uid(this.#at) as Uid;
  }

  get flags(): number {
    return this.#block.flags(this.#at);
  }

  get modSeq(): ModSeq {
    return this.#block.modSeq(this.#at) as ModSeq;
  }

  get internalDate(): number {
    return this.#block.internalDate(this.#at);
  }

  get zone(): number | null {
    return this.#block.zone(this.#at);
  }

  get saveDate(): number {
    return this.#block.saveDate(this.#at);
  }

  get size(): number {
    return this.#block.size(this.#at);
  }

  get envelope(): string {
    return this.#block.text(this.#at, 'envelope')!;
  }

  get bodyStructure(): string {
    return this.#block.text(this.#at, 'bodyStructure')!;
  }

  get body(): string {
    return this.#block.text(this.#at, 'body')!;
  }

  get header(): Buffer | null {
    return this.#block.octets(this.#at, 'header')!;
  }

  /** @throws Fault expunged */
  get emailId(): string {
    this.#whole ??= this.#one(this.uid);
    if (this.#whole === null) throw new Fault('expunged', `${this.uid}`);
    return this.#whole.emailId;
  }

  get threadId(): null {
    return null;
  }

  readOctets(longest: number): Buffer | null {
    this.#whole ??= this.#one(this.uid);
    return this.#whole?.readOctets?.(longest) ?? null;
  }
}
