import type { Maildrop } from './maildrop.ts';
import type { Session } from './session.ts';

/** RFC 1939 3 */
export type State = 'authorization' | 'transaction';

/** One keyword of the protocol. It answers by the session's `ok` or throws a Fault. */
export interface Pop3Command {
  readonly name: string;
  readonly states: readonly State[];
  /** Its line in CAPA, null where it cannot be had now. RFC 2449 5 */
  capability?(session: Session): string | null;
  run(argument: string, session: Session): Promise<void> | void;
}

/** A command of the transaction state. */
export function transactionCommand(
  name: string,
  run: (argument: string, session: Session, maildrop: Maildrop) => Promise<void> | void,
  capability?: string,
): Pop3Command {
  return {
    name,
    states: ['transaction'],
    ...(capability === undefined ? {} : { capability: () => capability }),
    run: (argument, session) => run(argument, session, session.maildrop!),
  };
}
