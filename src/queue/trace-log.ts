import type { Clock } from '../base/clock.ts';
import type { Log, LogFields } from '../base/log.ts';
import type { TraceEvent } from './tables/trace.ts';
import type { QueueThread } from './thread-client.ts';

/** Events not yet written; more are dropped. */
const mostWaiting = 10_000;
const every = 500;

/**
 * Keeps what is logged of messages: a log that passes all on, and gives lines with a `queue_id` to the queue's thread twice a
 * second. Losing some costs a trace, never mail.
 */
export class TraceLog {
  readonly #clock: Clock;
  readonly #timer: NodeJS.Timeout;
  #waiting: TraceEvent[] = [];
  #thread: QueueThread | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#timer = setInterval(() => void this.flush(), every);
    this.#timer.unref();
  }

  /** Where events go from now on. */
  attach(thread: QueueThread): void {
    this.#thread = thread;
  }

  wrap(log: Log, bound: LogFields = {}): Log {
    const pass =
      (level: 'info' | 'warn' | 'error') =>
      (fields: LogFields, msg: string): void => {
        log[level](fields, msg);
        this.#note(bound, fields, msg);
      };
    return {
      debug: (fields, msg) => log.debug(fields, msg),
      info: pass('info'),
      warn: pass('warn'),
      error: pass('error'),
      child: (fields) => this.wrap(log.child(fields), { ...bound, ...fields }),
    };
  }

  #note(bound: LogFields, fields: LogFields, msg: string): void {
    const queueId = fields.queue_id ?? bound.queue_id;
    if (typeof queueId !== 'string' || this.#waiting.length >= mostWaiting) return;
    const all: LogFields = { ...bound, ...fields };
    const keys = new Set<string>();
    let errors = false;
    for (const name in all) {
      const value = all[name];
      if (typeof value === 'string') {
        if (value.length < 400 && (name === 'message_id' || name === 'session' || looksLikeAddress(value))) keys.add(value.toLowerCase());
      } else if (value instanceof Error) errors = true;
    }
    this.#waiting.push({
      at: this.#clock.now(),
      queueId,
      msg,
      fields: JSON.stringify(all, errors ? (_, value: unknown) => (value instanceof Error ? String(value) : value) : undefined),
      keys: [...keys],
    });
  }

  async flush(): Promise<void> {
    if (this.#thread === null || this.#waiting.length === 0) return;
    const events = this.#waiting;
    this.#waiting = [];
    await this.#thread.ask('trace', { events }).catch(() => {});
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
    this.#thread = null;
  }
}

const looksLikeAddress = (text: string): boolean => text.includes('@') && /^[^\s<>@]+@[^\s<>@]+$/.test(text);
