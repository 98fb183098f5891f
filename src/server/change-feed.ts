import type { ModSeq } from '../mail/numbers.ts';
import { inProcessFeed } from '../store/change-feed.ts';
import type { ChangeFeed, ChangeHint } from '../store/store.ts';
import type { Bus } from './bus.ts';

/** How long a worker keeps hearing of an account after its last session there left: most come back. Milliseconds. */
const lingering = 5000;
/** How long hints that nobody wanted are kept, for a worker whose first session began just before them. Milliseconds. */
const lateness = 500;

/**
 * Hints of this process at once; to other workers one message a turn of the event loop with the newest hint of each mailbox, and
 * only to workers where a session listens to the account: most mail comes while nobody looks.
 */
export function sharedFeed(bus: Bus): ChangeFeed {
  const local = inProcessFeed();
  const others = listenersElsewhere(bus, (account) => unwanted.of(account).forEach(post));
  const unwanted = recentHints();
  let waiting = new Map<string, ChangeHint>();

  bus.on('change', (message) => {
    for (const hint of message as readonly ChangeHint[]) local.publish(hint);
  });
  const flush = (): void => {
    const byWorkers = Map.groupBy(waiting.values(), ({ account }) => others.of(account).join());
    waiting = new Map();
    for (const hints of byWorkers.values()) bus.send('change', hints, others.of(hints[0]!.account));
  };
  const post = (hint: ChangeHint): void => {
    if (waiting.size === 0) setImmediate(flush);
    newest(waiting, hint);
  };
  return {
    publish(hint) {
      local.publish(hint);
      if (others.of(hint.account).length > 0) post(hint);
      else unwanted.add(hint);
    },
    subscribe(account, listener) {
      const leave = others.join(account);
      const stop = local.subscribe(account, listener);
      let stopped = false;
      return () => {
        if (stopped) return;
        stopped = true;
        stop();
        leave();
      };
    },
  };
}

const nobody: readonly number[] = [];

/**
 * Who else listens to which account, and what the others know of us. A worker that is new asks, and with that takes back what its
 * predecessor said.
 */
function listenersElsewhere(bus: Bus, onJoin: (account: string) => void) {
  const workers = new Map<string, readonly number[]>();
  /** Sessions of ours by account; 0 while we linger. */
  const own = new Map<string, number>();
  let joining: string[] = [];
  let timer: NodeJS.Timeout | null = null;

  const without = (account: string, worker: number): void => {
    const left = (workers.get(account) ?? nobody).filter((other) => other !== worker);
    if (left.length === 0) workers.delete(account);
    else workers.set(account, left);
  };
  bus.on('listening', (accounts, worker) => {
    for (const account of accounts as readonly string[]) {
      const known = workers.get(account) ?? nobody;
      if (!known.includes(worker)) workers.set(account, [...known, worker]);
      onJoin(account);
    }
  });
  bus.on('not listening', (accounts, worker) => {
    for (const account of accounts as readonly string[]) without(account, worker);
  });
  bus.on('who listens', (_, worker) => {
    for (const account of workers.keys()) without(account, worker);
    if (own.size > 0) bus.send('listening', [...own.keys()], [worker]);
  });
  bus.send('who listens', null);

  const tell = (): void => {
    bus.send('listening', joining);
    joining = [];
  };
  const leave = (): void => {
    timer = null;
    const gone = [...own].filter(([, sessions]) => sessions === 0).map(([account]) => account);
    for (const account of gone) own.delete(account);
    if (gone.length > 0) bus.send('not listening', gone);
  };
  return {
    /** Numbers of the workers that want to hear of an account. */
    of: (account: string): readonly number[] => workers.get(account) ?? nobody,

    /** @returns leave */
    join(account: string): () => void {
      const sessions = own.get(account);
      own.set(account, (sessions ?? 0) + 1);
      if (sessions === undefined && joining.push(account) === 1) setImmediate(tell);
      return () => {
        const left = own.get(account)! - 1;
        own.set(account, left);
        if (left === 0 && timer === null) timer = setTimeout(leave, lingering).unref();
      };
    },
  };
}

/** Hints of the last moments. */
function recentHints() {
  let older = new Map<string, ChangeHint>();
  let newer = new Map<string, ChangeHint>();
  let since = 0;
  return {
    add(hint: ChangeHint): void {
      const now = performance.now();
      if (now - since > lateness) {
        older = now - since > 2 * lateness ? new Map() : newer;
        newer = new Map();
        since = now;
      }
      newest(newer, hint);
    },
    of: (account: string): readonly ChangeHint[] =>
      performance.now() - since > 2 * lateness ? [] : [...older.values(), ...newer.values()].filter((hint) => hint.account === account),
  };
}

function newest(hints: Map<string, ChangeHint>, { account, mailbox, modSeq }: ChangeHint): void {
  const key = `${account}\0${mailbox}`;
  hints.set(key, { account, mailbox, modSeq: Math.max(modSeq, hints.get(key)?.modSeq ?? 0) as ModSeq });
}
