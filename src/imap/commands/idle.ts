import { Fault } from '../../mail/fault.ts';
import { command, noArguments } from '../command.ts';
import type { Session } from '../session.ts';
import { sendUpdates } from '../updates.ts';

/** Tells what happens in the mailbox while it happens, until DONE. RFC 2177 */
export const idle = command({
  name: 'IDLE',
  capabilities: ['IDLE'],
  states: ['authenticated', 'selected'],
  parse: noArguments,

  async run(_, session) {
    const { connection, out, settings } = session;
    const watching = new Watching(session);
    out.line('+ idling');
    out.flush();
    try {
      session.busy = false;
      watching.start();
      const line = await connection.readLine(1024, settings.idleTimeout, { bareLf: true });
      await watching.stop();
      session.busy = true;
      if (session.closing) throw new Fault('unavailable', 'closed');
      if (line === null) throw new Fault('unavailable', 'connection lost');
      if (line.toString('latin1').trim().toUpperCase() !== 'DONE') throw new Fault('syntax', 'Expected DONE.');
    } catch (error) {
      await watching.stop();
      if (error instanceof Fault && error.kind === 'timedOut') session.bye('Disconnected for inactivity.');
      throw error;
    }
    return 'Idle completed.';
  },
});

/** Sends updates when the store hints at some, one round at a time. */
class Watching {
  readonly #session: Session;
  #stopWatching: (() => void) | null = null;
  #round: Promise<void> | null = null;
  #again = false;
  #stopped = false;

  constructor(session: Session) {
    this.#session = session;
  }

  start(): void {
    const { mail, view } = this.#session;
    if (view === null) return;
    this.#stopWatching = mail!.watch(view.mailbox.id, () => this.#wake());
    // What happened between the last command's end and now.
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopWatching?.();
    this.#stopWatching = null;
    while (this.#round !== null) await this.#round;
  }

  #wake(): void {
    this.#again = true;
    if (this.#round !== null || this.#stopped) return;
    this.#round = this.#run().finally(() => {
      this.#round = null;
    });
  }

  async #run(): Promise<void> {
    const session = this.#session;
    // Hints come in bursts: let this tick's changes be told at once.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#again && !this.#stopped && session.view !== null && !session.closing) {
      this.#again = false;
      try {
        await sendUpdates(session, true);
        session.out.flush();
        if (session.connection.pendingOutput > 64 * 1024) await session.connection.drain();
      } catch (error) {
        session.reportBug(error);
        return;
      }
    }
  }
}
