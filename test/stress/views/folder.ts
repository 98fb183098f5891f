import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Box, Truth } from './truth.ts';

/** Another program loses against a change of flags that is still on its way to the file's name. Milliseconds. */
const calm = 5000;
const letters: Readonly<Record<string, string>> = { '\\Draft': 'D', '\\Flagged': 'F', '\\Answered': 'R', '\\Seen': 'S', '\\Deleted': 'T' };

interface File {
  readonly part: string;
  readonly name: string;
}

/** The Maildir as another program has it. */
export class Folder {
  readonly #root: string;
  readonly #truth: Truth;

  constructor(home: string, truth: Truth) {
    this.#root = join(home, 'Maildir');
    this.#truth = truth;
  }

  #path({ name }: Box, ...rest: string[]): string {
    return join(this.#root, name === 'INBOX' ? '' : `.${name}`, ...rest);
  }

  /** `cur/NAME` of a message; null where our own renaming has not got there yet. */
  #file(box: Box, uid: number): File | null {
    const pattern = new RegExp(`,N=[0-9a-z]+\\.${uid}(?::|$)`);
    for (const part of ['new', 'cur']) for (const name of readdirSync(this.#path(box, part))) if (pattern.test(name)) return { part, name };
    return null;
  }

  deliver(box: Box, flags: readonly string[], inCur: boolean): void {
    const text = this.#truth.text();
    const info = inCur
      ? `:2,${flags
          .map((flag) => letters[flag] ?? '')
          .sort()
          .join('')}`
      : '';
    mkdirSync(this.#path(box, 'tmp'), { recursive: true });
    const name = `1700000000.M${text.slice(1)}P1.elsewhere`;
    writeFileSync(this.#path(box, 'tmp', name), `Subject: ${text}\n\n${text}\n`);
    renameSync(this.#path(box, 'tmp', name), this.#path(box, inCur ? 'cur' : 'new', name + info));
    box.foreign.push({ kind: 'delivered', text, flags: new Set(inCur ? flags : []) });
    this.#truth.story.push(`elsewhere: delivered ${text} to ${box.name}${info}`);
  }

  /** @returns whether it could be done now */
  remove(box: Box, uid: number): boolean {
    const found = this.#mine(box, uid);
    if (found === null) return false;
    rmSync(this.#path(box, found.part, found.name));
    box.foreign.push({ kind: 'removed', uid });
    this.#truth.story.push(`elsewhere: removed ${uid} from ${box.name}`);
    return true;
  }

  /** Puts those of the system flags on a message, takes the others off. */
  flag(box: Box, uid: number, wanted: readonly string[]): boolean {
    const found = this.#mine(box, uid);
    const message = box.messages.get(uid);
    if (found === null || message === undefined) return false;
    const [base = '', info = ''] = found.name.split(':2,');
    const known = [...message.flags]
      .map((flag) => letters[flag] ?? '')
      .sort()
      .join('');
    // Not where it will be yet.
    if (known !== info.replace(/[a-z]/g, '') || Date.now() - message.storedAt < calm) return false;
    const name = `${base}:2,${[...wanted.map((flag) => letters[flag] ?? ''), ...info.replace(/[A-Z]/g, '').split('')].sort().join('')}`;
    renameSync(this.#path(box, found.part, found.name), this.#path(box, 'cur', name));
    const flags = new Set([...[...message.flags].filter((flag) => !flag.startsWith('\\')), ...wanted]);
    box.foreign.push({ kind: 'flagged', uid, flags });
    this.#truth.story.push(`elsewhere: ${uid} of ${box.name} is ${name}`);
    return true;
  }

  #mine(box: Box, uid: number): File | null {
    return box.foreign.some((one) => one.kind !== 'delivered' && one.uid === uid) ? null : this.#file(box, uid);
  }
}
