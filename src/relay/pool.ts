import type { SmtpClient } from './client.ts';

/** Sessions kept in all; one more ends the oldest of some destination. */
const mostIdle = 400;
/** What opening a session is taken to cost, at least and at most. Milliseconds. A near one opens faster, but takes work of both ends. */
const leastCost = 100;
const mostCost = 1_000;

interface Idle {
  readonly client: SmtpClient;
  readonly timer: NodeJS.Timeout;
}

interface Waiting {
  readonly since: number;
  readonly resolve: (client: SmtpClient | null) => void;
}

/** Sessions that can stand in for each other. */
class Alike {
  readonly idle: Idle[] = [];
  /** In use, or being opened. */
  busy = 0;
  readonly waiting: Waiting[] = [];
  /** Milliseconds that the last opening took. */
  cost = leastCost;
  /** Milliseconds that were waited since one was opened last. */
  waited = 0;
  timer: NodeJS.Timeout | null = null;
}

/**
 * Sessions between messages, by all that makes them alike: address, security, login, source.
 *
 * A message that finds them all in use waits for the next to come free. Once as much has been waited as a new session costs, in
 * all, one is opened: a burst of short messages goes over few sessions, and no more time is lost than those that were spared took.
 */
export class Pool {
  readonly #alike = new Map<string, Alike>();
  readonly #idleTime: number;
  readonly #messages: number;
  #count = 0;

  /** @param idleTime milliseconds; @param messages per connection */
  constructor(idleTime: number, messages: number) {
    this.#idleTime = idleTime;
    this.#messages = messages;
  }

  /** The one used last, which is the least likely to be gone. null: the caller opens one, and says so by `opened`. What is taken is given back. */
  async take(key: string): Promise<SmtpClient | null> {
    const alike = this.#alike.get(key) ?? new Alike();
    this.#alike.set(key, alike);
    for (let idle = alike.idle.pop(); idle !== undefined; idle = alike.idle.pop()) {
      clearTimeout(idle.timer);
      this.#count--;
      idle.client.ref();
      if (idle.client.usable) {
        alike.busy++;
        return idle.client;
      }
      idle.client.destroy();
    }
    if (alike.busy === 0 || this.#idleTime === 0) {
      alike.busy++;
      return null;
    }
    return new Promise((resolve) => {
      alike.waiting.push({ since: performance.now(), resolve });
      this.#watch(alike);
    });
  }

  /** @param cost milliseconds that it took */
  opened(key: string, cost: number): void {
    const alike = this.#alike.get(key);
    if (alike !== undefined) alike.cost = Math.min(Math.max(cost, leastCost), mostCost);
  }

  /** Hands a session to the next message, keeps it, or ends it; null: none could be opened, and nobody waits for one. */
  give(key: string, client: SmtpClient | null): void {
    const alike = this.#alike.get(key)!;
    alike.busy--;
    const good = client !== null && this.#mayGoOn(client);
    if (good && alike.waiting.length > 0) this.#hand(alike, client);
    else if (good) this.#keep(key, alike, client);
    while (client === null && alike.waiting.length > 0) this.#hand(alike, null);
    if (alike.waiting.length > 0 && alike.busy === 0) this.#hand(alike, null);
    if (alike.busy === 0 && alike.idle.length === 0) this.#alike.delete(key);
  }

  #mayGoOn(client: SmtpClient): boolean {
    if (!client.usable) client.destroy();
    else if (client.messages >= this.#messages || this.#idleTime === 0) client.quit();
    else return true;
    return false;
  }

  #hand(alike: Alike, client: SmtpClient | null): void {
    const { since, resolve } = alike.waiting.shift()!;
    alike.waited = client === null ? 0 : alike.waited + performance.now() - since;
    alike.busy++;
    resolve(client);
    this.#watch(alike);
  }

  /** Opens one more when those who wait have waited long enough together. */
  #watch(alike: Alike): void {
    if (alike.timer !== null) clearTimeout(alike.timer);
    alike.timer = null;
    const { waiting } = alike;
    if (waiting.length === 0) return;
    const now = performance.now();
    const waited = waiting.reduce((sum, { since }) => sum + now - since, alike.waited);
    const left = (alike.cost - waited) / waiting.length;
    if (left <= 0) this.#hand(alike, null);
    else alike.timer = setTimeout(() => this.#watch(alike), Math.ceil(left));
  }

  #keep(key: string, alike: Alike, client: SmtpClient): void {
    const timer = setTimeout(() => {
      const at = alike.idle.findIndex((idle) => idle.client === client);
      alike.idle.splice(at, 1);
      this.#end(key, alike, client);
    }, this.#idleTime);
    timer.unref();
    client.unref();
    alike.idle.push({ client, timer });
    if (++this.#count > mostIdle) this.#endOne();
  }

  #end(key: string, alike: Alike, client: SmtpClient): void {
    this.#count--;
    if (alike.busy === 0 && alike.idle.length === 0) this.#alike.delete(key);
    client.quit();
  }

  #endOne(): void {
    for (const [key, alike] of this.#alike) {
      const idle = alike.idle.shift();
      if (idle === undefined) continue;
      clearTimeout(idle.timer);
      this.#end(key, alike, idle.client);
      return;
    }
  }

  close(): void {
    for (const { idle } of this.#alike.values()) {
      for (const { client, timer } of idle.splice(0)) {
        clearTimeout(timer);
        client.quit();
      }
    }
    this.#count = 0;
  }
}
