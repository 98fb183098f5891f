import { setTimeout as sleep } from 'node:timers/promises';
import type { ImapClient } from '../../support/imap.ts';
import { crowd } from '../../support/time.ts';
import { type Fetched, fetched } from './told.ts';
import { type Box, flagText, type Truth } from './truth.ts';

/** Looks from outside: what is there, and whether it is what ought to be. */
export class Observer {
  readonly #client: ImapClient;
  readonly #truth: Truth;

  constructor(client: ImapClient, truth: Truth) {
    this.#client = client;
    this.#truth = truth;
  }

  close(): void {
    this.#client.close();
  }

  async #rows({ name }: Box): Promise<Map<number, Fetched>> {
    await this.#client.ok(`EXAMINE ${name}`);
    const rows = new Map<number, Fetched>();
    for (const line of await this.#client.ok('UID FETCH 1:* (FLAGS MODSEQ)')) {
      const row = fetched(line);
      if (row !== null) rows.set(row.uid!, row);
    }
    // One whose file is gone has no text any more.
    for (const line of await this.#client.ok('UID FETCH 1:* (BODY.PEEK[TEXT])')) {
      const row = fetched(line);
      const known = rows.get(row?.uid ?? 0);
      if (row != null && known !== undefined) rows.set(row.uid!, { ...known, text: row.text });
    }
    return rows;
  }

  /** What another program did is seen by now, or will be soon. */
  async settle(box: Box): Promise<void> {
    if (box.isSettled) return;
    for (const end = performance.now() + 15_000 * crowd(); ; await sleep(100)) {
      const rows = await this.#rows(box);
      const texts = new Map([...rows.values()].map((row) => [row.text, row]));
      const isSeen = box.foreign.every((one) =>
        one.kind === 'delivered'
          ? texts.has(one.text)
          : one.kind === 'removed'
            ? !rows.has(one.uid)
            : rows.get(one.uid)?.flags === flagText(one.flags),
      );
      if (!isSeen && performance.now() < end) continue;
      if (!isSeen) throw new Error(`not seen in ${box.name}: ${JSON.stringify(box.foreign)} in ${JSON.stringify([...rows.values()])}`);
      for (const one of box.foreign.splice(0)) {
        if (one.kind === 'removed') box.messages.delete(one.uid);
        else if (one.kind === 'flagged') Object.assign(box.messages.get(one.uid)!, { flags: one.flags, touched: true });
        else {
          const { uid } = texts.get(one.text)!;
          if (box.messages.has(uid!)) throw new Error(`UID ${uid} given twice`);
          box.add(one.text, one.flags, uid!);
        }
      }
      this.#truth.story.push(`settled ${box.name}`);
      return this.look(box, rows);
    }
  }

  /** What is there is what ought to be there, and its mod-sequences say what has changed. */
  async look(box: Box, known?: ReadonlyMap<number, Fetched>): Promise<void> {
    if (box.isGone || !box.isSettled) return;
    const rows = known ?? (await this.#rows(box));
    const say = (list: Iterable<number>): string => [...list].join(' ');
    if (say(rows.keys()) !== say(box.uids())) throw new Error(`${box.name} has ${say(rows.keys())}, ought to have ${say(box.uids())}`);
    const highest = Math.max(0, ...[...box.messages.values()].map(({ modSeq }) => modSeq));
    for (const [uid, message] of box.messages) {
      const { flags, modSeq, text } = rows.get(uid)!;
      const wanted = flagText(message.flags);
      if (flags !== wanted) throw new Error(`UID ${uid} of ${box.name} is (${flags}), ought to be (${wanted})`);
      if (text !== message.text) throw new Error(`UID ${uid} of ${box.name} is ${text}, ought to be ${message.text}`);
      if (modSeq !== message.modSeq && !message.touched)
        throw new Error(`UID ${uid} of ${box.name}: MODSEQ went from ${message.modSeq} to ${modSeq}`);
      if ((modSeq !== message.modSeq || flags !== message.flagsSeen) && modSeq! <= highest)
        throw new Error(`UID ${uid} of ${box.name} has changed: MODSEQ ${modSeq}, others had ${highest}`);
      message.modSeq = modSeq!;
      message.flagsSeen = flags;
      message.touched = false;
    }
  }
}
