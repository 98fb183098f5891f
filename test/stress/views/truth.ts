/** What a mailbox holds, by all that was done to it. */
export interface Message {
  readonly uid: number;
  flags: ReadonlySet<string>;
  /** The body, which names it. */
  readonly text: string;
  /** As last seen from outside; 0: not yet. */
  modSeq: number;
  /** Its flags at that time. */
  flagsSeen: string | null;
  /** A command may have changed it since. */
  touched: boolean;
  /** When a command of ours last changed its flags: another program that does so at the same time loses. Milliseconds. */
  storedAt: number;
}

/** What another program did in the folder, not seen by the server yet. */
export type Foreign =
  | { readonly kind: 'delivered'; readonly text: string; readonly flags: ReadonlySet<string> }
  | { readonly kind: 'removed'; readonly uid: number }
  | { readonly kind: 'flagged'; readonly uid: number; readonly flags: ReadonlySet<string> };

/** A mailbox, whatever its name is now. */
export class Box {
  name: string;
  uidNext = 1;
  messages = new Map<number, Message>();
  foreign: Foreign[] = [];
  isGone = false;

  constructor(name: string) {
    this.name = name;
  }

  /** The server knows all of it. */
  get isSettled(): boolean {
    return this.foreign.length === 0;
  }

  add(text: string, flags: Iterable<string>, uid = this.uidNext): number {
    this.messages.set(uid, { uid, flags: new Set(flags), text, modSeq: 0, flagsSeen: null, touched: true, storedAt: 0 });
    this.uidNext = Math.max(this.uidNext, uid + 1);
    return uid;
  }

  setFlags(uid: number, flags: ReadonlySet<string>): void {
    const message = this.messages.get(uid)!;
    message.touched = true;
    message.storedAt = Date.now();
    message.flags = flags;
  }

  uids(): number[] {
    return [...this.messages.keys()].sort((a, b) => a - b);
  }
}

export const flagText = (flags: Iterable<string>): string =>
  [...flags]
    .filter((flag) => flag !== '\\Recent')
    .sort()
    .join(' ');

/** All mailboxes of an account. */
export class Truth {
  readonly boxes: Box[] = [new Box('INBOX')];
  #texts = 0;

  text(): string {
    return `m${++this.#texts}`;
  }

  /** What was done, for whoever reads of a failure. */
  readonly story: string[] = [];

  find(name: string): Box | undefined {
    return this.boxes.find((box) => box.name === name);
  }

  remove(box: Box): void {
    box.isGone = true;
    this.boxes.splice(this.boxes.indexOf(box), 1);
  }
}
