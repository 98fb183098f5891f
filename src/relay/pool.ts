import type { SmtpClient } from './client.ts';

/** Sessions kept in all; one more ends the oldest of some destination. */
const mostIdle = 400;

interface Idle {
  readonly client: SmtpClient;
  readonly timer: NodeJS.Timeout;
}

/** Sessions between messages, by all that makes them alike: address, security, login, source. */
export class Pool {
  readonly #idle = new Map<string, Idle[]>();
  readonly #idleTime: number;
  readonly #messages: number;
  #count = 0;

  /** @param idleTime milliseconds; @param messages per connection */
  constructor(idleTime: number, messages: number) {
    this.#idleTime = idleTime;
    this.#messages = messages;
  }

  /** The one used last, which is the least likely to be gone. */
  take(key: string): SmtpClient | null {
    const list = this.#idle.get(key);
    for (;;) {
      const idle = list?.pop();
      if (idle === undefined) {
        this.#idle.delete(key);
        return null;
      }
      clearTimeout(idle.timer);
      this.#count--;
      idle.client.ref();
      if (idle.client.usable) return idle.client;
      idle.client.destroy();
    }
  }

  /** Keeps a session for the next message, or ends it. */
  give(key: string, client: SmtpClient): void {
    if (!client.usable) {
      client.destroy();
      return;
    }
    if (client.messages >= this.#messages || this.#idleTime === 0) {
      client.quit();
      return;
    }
    const list = this.#idle.get(key) ?? [];
    this.#idle.set(key, list);
    const timer = setTimeout(() => {
      const at = list.findIndex((idle) => idle.client === client);
      if (at >= 0) {
        list.splice(at, 1);
        this.#count--;
      }
      if (list.length === 0 && this.#idle.get(key) === list) this.#idle.delete(key);
      client.quit();
    }, this.#idleTime);
    timer.unref();
    client.unref();
    list.push({ client, timer });
    if (++this.#count > mostIdle) this.#endOne();
  }

  #endOne(): void {
    for (const [key, list] of this.#idle) {
      const idle = list.shift();
      if (list.length === 0) this.#idle.delete(key);
      if (idle === undefined) continue;
      clearTimeout(idle.timer);
      this.#count--;
      idle.client.quit();
      return;
    }
  }

  close(): void {
    for (const list of this.#idle.values()) {
      for (const { client, timer } of list) {
        clearTimeout(timer);
        client.quit();
      }
    }
    this.#idle.clear();
  }
}
