import type { Command } from 'commander';
import type { Loaded } from '../server/config/load.ts';

/** What a command gets besides its arguments. */
export interface Cli {
  /** The configuration in force, read at the first call. @throws Exit 78 with the line to show */
  config(): Loaded;
  /** `--json` was given. */
  readonly json: boolean;
  /** The answer: `value` as one JSON document with `--json`, else `text` (lines joined; nothing printed when empty). */
  print(value: unknown, text: string | readonly string[]): void;
  /** All of stdin, at most `limit` octets. @throws Exit 65 */
  stdin(limit?: number): Promise<Buffer>;
  /** A warning for people, on stderr. */
  warn(text: string): void;
}

/** Adds its command to the program. One file each in `commands/`, one line each in `commands/index.ts`. Actions throw `Exit` or `Fault`. */
export type CommandFile = (program: Command, cli: Cli) => void;
