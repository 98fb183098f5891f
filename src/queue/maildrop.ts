import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  watch,
  writeSync,
} from 'node:fs';
import { constants, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Log } from '../base/log.ts';
import { stagedBytes } from '../base/staging.ts';
import { Fault } from '../mail/fault.ts';
import { type Dropped, parseDropped } from './dropped.ts';
import { isAlive, processStart } from './process-alive.ts';

const name = /^([0-9a-z]+)\.([0-9a-f]{16})\.mail$/;

/**
 * Makes the folder where programs of this machine leave mail: anyone may put a file there, only its owner may list or take them.
 * The folder above must let them pass (x for others).
 */
export function makeMaildrop(dir: string): void {
  const made = mkdirSync(dir, { recursive: true });
  const { uid, gid } = statSync(dirname(dir));
  if (made !== undefined && process.getuid?.() === 0) chownSync(dir, uid, gid);
  if (statSync(dir).uid === process.getuid?.() || process.getuid?.() === 0) chmodSync(dir, 0o1733);
}

/** Leaves a message; durable on return. Works whether the server runs or not. @throws Error of the file system */
export function dropMail(dir: string, file: Uint8Array): string {
  const drop = `${Date.now().toString(36)}.${randomBytes(8).toString('hex')}`;
  const temporary = join(dir, `${drop}.tmp`);
  const owner = statSync(dir);
  const fd = openSync(temporary, 'wx', 0o644);
  try {
    for (let from = 0; from < file.length; ) from += writeSync(fd, file, from);
    // The server reads it under its own name, not root's.
    if (process.getuid?.() === 0) fchownSync(fd, owner.uid, owner.gid);
    fchmodSync(fd, process.getuid?.() === 0 || process.getuid?.() === owner.uid ? 0o600 : 0o644);
    fsyncSync(fd);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, join(dir, `${drop}.mail`));
  syncWhereAllowed(dir);
  return drop;
}

/** A folder that may be written but not read cannot be opened for a sync; then all that the file system holds is synced with the file. */
function syncWhereAllowed(dir: string): void {
  let fd: number;
  try {
    fd = openSync(dir, 'r');
  } catch {
    return;
  }
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Messages that nobody has taken yet: the server does at once, or at its next start. 0 for who may not look. */
export function inMaildrop(dir: string): number {
  try {
    return readdirSync(dir).filter((file) => name.test(file)).length;
  } catch {
    return 0;
  }
}

export interface PickupDeps {
  readonly log: Log;
  /** Takes the message over, durably. @throws Fault: tried again later, but for `syntax`, `tooBig` and `tooMany` */
  readonly submit: (mail: Dropped) => Promise<void>;
  /** Octets. */
  readonly messageSizeLimit: number;
}

/** Takes mail out of the maildrop as it comes, and what was there before the start. Several processes may do so at once. */
export class Pickup {
  readonly #dir: string;
  readonly #active: string;
  readonly #deps: PickupDeps;
  readonly #owner = `${process.pid}-${processStart(process.pid) || '0'}`;
  readonly #watcher: ReturnType<typeof watch> | null;
  readonly #timer: NodeJS.Timeout;
  #running: Promise<void> | null = null;
  #again = false;
  #closed = false;

  constructor(dir: string, deps: PickupDeps) {
    this.#dir = dir;
    this.#active = join(dir, 'active');
    this.#deps = deps;
    makeMaildrop(dir);
    mkdirSync(this.#active, { recursive: true, mode: 0o700 });
    this.#watcher = this.#watch();
    this.#timer = setInterval(() => void this.run(), 5_000);
    this.#timer.unref();
    void this.run();
  }

  #watch(): ReturnType<typeof watch> | null {
    try {
      const watcher = watch(this.#dir, { persistent: false }, () => void this.run());
      watcher.on('error', () => watcher.close());
      return watcher;
    } catch {
      return null;
    }
  }

  /** Takes all that is there. */
  run(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#runAll().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #runAll(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      this.#recover();
      for (const entry of readdirSync(this.#dir).sort()) {
        if (this.#closed) return;
        if (name.test(entry)) await this.#take(entry);
      }
    }
  }

  /** What a process that is gone had begun goes back. */
  #recover(): void {
    for (const entry of readdirSync(this.#active)) {
      const [, drop, pid, started] = /^(.*\.mail)\.(\d+)-(\w*)$/.exec(entry) ?? [];
      if (drop === undefined || isAlive(Number(pid), started ?? '')) continue;
      try {
        renameSync(join(this.#active, entry), join(this.#dir, drop));
      } catch {
        // Another process was quicker.
      }
    }
  }

  async #take(entry: string): Promise<void> {
    const claimed = join(this.#active, `${entry}.${this.#owner}`);
    try {
      renameSync(join(this.#dir, entry), claimed);
    } catch {
      return;
    }
    try {
      const mail = await this.#read(claimed);
      await this.#deps.submit(mail);
      rmSync(claimed, { force: true });
    } catch (error) {
      this.#setAside(entry, claimed, error);
    }
  }

  async #read(path: string): Promise<Dropped> {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (!stat.isFile() || stat.nlink !== 1) throw new Fault('syntax', 'no plain file');
      if (stat.size > this.#deps.messageSizeLimit + 1_000_000) throw new Fault('tooBig', `${stat.size} octets`);
      const bytes = await handle.readFile();
      const mail = parseDropped(bytes, stat.uid);
      return { ...mail, message: stagedBytes(mail.text) };
    } finally {
      await handle.close();
    }
  }

  #setAside(entry: string, claimed: string, error: unknown): void {
    const isLink = (error as NodeJS.ErrnoException).code === 'ELOOP';
    const bad = isLink || (error instanceof Fault && ['syntax', 'tooBig', 'tooMany'].includes(error.kind));
    this.#deps.log[bad ? 'warn' : 'error'](
      { file: entry, error: String(error) },
      bad ? 'maildrop: not a message' : 'maildrop: will be tried again',
    );
    const target = bad ? join(this.#active, `${entry}.bad`) : join(this.#dir, entry);
    const back = (): void => {
      try {
        renameSync(claimed, target);
      } catch (cause) {
        this.#deps.log.error({ file: entry, error: String(cause) }, 'maildrop: file cannot be moved');
      }
    };
    // Kept out of sight for a moment, so that a full disk does not make a busy loop.
    if (bad) back();
    else setTimeout(back, 10_000).unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#watcher?.close();
    await this.#running;
  }
}
