import { join } from 'node:path';
import type { Log } from '../base/log.ts';
import { folderStamp, stampTime } from './files/stamp.ts';
import type { Commands } from './protocol.ts';
import type { MailboxRecord } from './tables/mailbox.ts';
import type { ScanResult } from './writer/scan.ts';

/** Milliseconds a folder must have been at rest before an unchanged stamp is proof. */
const rest = 2000;
/** Milliseconds between the two scans that must both miss a message. */
const secondLook = 1100;
/** A scan may take this share of the time at most. */
const share = 50;

type Unless = Commands['scan']['request']['unless'];

interface State {
  missing: readonly number[];
  missedAt: number;
  took: number;
  ended: number;
  running: Promise<void> | null;
  timer: NodeJS.Timeout | null;
}

/** Decides when a mailbox's folder must be read again because another program may have changed it. */
export class Freshness {
  readonly #root: string;
  readonly #scan: (mailbox: number, missing: readonly number[], unless: Unless) => Promise<ScanResult>;
  readonly #log: Log;
  readonly #states = new Map<number, State>();
  #isClosed = false;

  constructor(root: string, scan: (mailbox: number, missing: readonly number[], unless: Unless) => Promise<ScanResult>, log: Log) {
    this.#root = root;
    this.#scan = scan;
    this.#log = log;
  }

  close(): void {
    this.#isClosed = true;
    for (const { timer } of this.#states.values()) if (timer !== null) clearTimeout(timer);
    this.#states.clear();
  }

  /** Quick when the folder's stamps are as the rows know them. */
  async check(mailbox: MailboxRecord): Promise<void> {
    const path = join(this.#root, mailbox.folder);
    const newStamp = folderStamp(join(path, 'new'));
    const curStamp = folderStamp(join(path, 'cur'));
    const state = this.#state(mailbox.id);
    const now = Date.now();
    const changedAt = Math.max(stampTime(newStamp), stampTime(curStamp));
    if (newStamp !== mailbox.newStamp || curStamp !== mailbox.curStamp) {
      // A folder that never rests is not read all the time.
      const wait = state.ended + state.took * 2 - now;
      if (state.took < 50 || wait <= 0) return this.#run(mailbox.id, 'known');
      this.#later(mailbox.id, wait);
    } else if (mailbox.scanned < changedAt + rest && changedAt <= now) {
      // Equal, but so young that a change of the same tick would not show: look once more when it is at rest.
      this.#later(mailbox.id, Math.max(changedAt + rest + 50 - now, state.ended + state.took * share - now));
    }
  }

  #state(id: number): State {
    let state = this.#states.get(id);
    if (state === undefined) {
      state = { missing: [], missedAt: 0, took: 0, ended: 0, running: null, timer: null };
      this.#states.set(id, state);
    }
    return state;
  }

  #later(id: number, wait: number): void {
    const state = this.#state(id);
    if (state.timer !== null || this.#isClosed) return;
    state.timer = setTimeout(
      () => {
        state.timer = null;
        this.#run(id, 'busy').catch((error: unknown) => this.#log.warn({ err: error }, 'could not look for changes in a folder'));
      },
      Math.max(wait, 1),
    ).unref();
  }

  /** One scan at a time; who comes during one gets the next. */
  async #run(id: number, unless: Exclude<Unless, undefined>): Promise<void> {
    const state = this.#state(id);
    if (state.running !== null) {
      await state.running.catch(() => {});
      if (state.running !== null) return state.running;
    }
    const isSecond = state.missing.length > 0 && Date.now() - state.missedAt >= secondLook - 100;
    state.running = this.#scan(id, isSecond ? state.missing : [], isSecond ? undefined : unless).then(
      ({ missing, took, needless }) => {
        state.running = null;
        if (needless) {
          if (unless === 'busy') this.#later(id, rest);
          return;
        }
        state.took = took;
        state.ended = Date.now();
        if (missing.length === 0) state.missing = [];
        else {
          if (isSecond || state.missing.length === 0) state.missedAt = state.ended;
          state.missing = missing;
          this.#later(id, secondLook);
        }
      },
      (error: unknown) => {
        state.running = null;
        throw error;
      },
    );
    return state.running;
  }
}
