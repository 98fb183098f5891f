import type { Log } from '../base/log.ts';
import { counter } from '../base/metrics.ts';
import type { Connection } from './connection.ts';

const unanswered = counter('postcote_commands_unanswered_total', 'Commands that had no answer for half a minute.', [
  'service',
  'waits_for',
]);

/** A command under way, from its last octet to its answer. */
export interface WatchedCommand {
  readonly name: string;
  readonly log: Log;
  readonly connection: Connection;
  /** Of its session, when asked. */
  state(): string;
  /** What it waits for unless the client keeps it waiting: `store`, `auth`. */
  readonly on: string;
  /** Called every `interval` while it runs. */
  progress?(): void;
}

interface Running {
  readonly command: WatchedCommand;
  readonly since: number;
  next: number;
  warned: boolean;
}

export interface CommandWatchOptions {
  /** Milliseconds. */
  readonly interval?: number;
  readonly patience?: number;
}

/**
 * Looks over the commands of a service now and then: one timer for all of them. A command without an answer for `patience` is
 * logged, once, with what it waits for, so that a client that hangs need not be guessed at.
 */
export class CommandWatch {
  readonly #service: string;
  readonly #interval: number;
  readonly #patience: number;
  readonly #running = new Set<Running>();
  #timer: NodeJS.Timeout | null = null;

  constructor(service: string, { interval = 10_000, patience = 30_000 }: CommandWatchOptions = {}) {
    this.#service = service;
    this.#interval = interval;
    this.#patience = patience;
  }

  /** @returns to be called when it is answered */
  begin(command: WatchedCommand): () => void {
    const since = performance.now();
    const running: Running = { command, since, next: since + this.#interval, warned: false };
    this.#running.add(running);
    this.#timer ??= setInterval(() => this.#look(), Math.min(this.#interval, 1000)).unref();
    return () => void this.#running.delete(running);
  }

  #look(): void {
    const now = performance.now();
    for (const running of this.#running) {
      if (now >= running.next) {
        running.next = now + this.#interval;
        running.command.progress?.();
      }
      if (running.warned || now - running.since < this.#patience) continue;
      running.warned = true;
      const { command } = running;
      const waitsFor = command.connection.waitsFor ?? command.on;
      unanswered.add(1, this.#service, waitsFor);
      command.log.warn(
        { command: command.name, state: command.state(), waits_for: waitsFor, duration: Math.round(now - running.since) },
        'command unanswered',
      );
    }
    if (this.#running.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}
