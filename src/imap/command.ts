import type { Cursor } from './grammar/cursor.ts';
import type { Session, State } from './session.ts';

/** What may be told to the client once a command has run. RFC 9051 7.5.1 */
export type Updates = 'all' | 'noExpunge' | 'none';

/** A tagged NO that is no Fault; with a response code where it starts with `[`. */
export interface No {
  readonly no: string;
}

/** Text of the tagged OK, or a tagged NO; nothing: `NAME completed.` */
export type Result = string | No | void;

/** The command has sent its own tagged OK (STARTTLS, COMPRESS: what follows is said differently). */
export const alreadyAnswered = '\0';

/** One command: a row of the registry. */
export interface Command<A> {
  /** Upper case; `UID FETCH` for a command behind UID. */
  readonly name: string;
  readonly states: readonly State[];
  /** What CAPABILITY says because this row is here. */
  readonly capabilities?: readonly string[];
  /** `all` unless said. */
  readonly updates?: Updates;
  /** Reads what follows the name, leading space and all. @throws Fault syntax */
  parse(line: Cursor): A;
  /** The text may start with a response code in brackets. */
  run(args: A, session: Session): Result | Promise<Result>;
}

// biome-ignore lint/suspicious/noExplicitAny: a registry holds rows of every argument type
export type AnyCommand = Command<any>;

export function command<A>(row: Command<A>): Command<A> {
  return row;
}

/** For commands without arguments. */
export function noArguments(line: Cursor): null {
  line.end();
  return null;
}
