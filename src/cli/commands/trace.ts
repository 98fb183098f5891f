import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openTrace, traceFile } from '../../queue/tables/trace.ts';
import type { CommandFile } from '../command.ts';
import { Exit, exitCodes } from '../exit.ts';

/** Fields that are shown otherwise, or say nothing to people. */
const unshown = new Set(['queue_id', 'session']);

export const trace: CommandFile = (program, cli) => {
  program
    .command('trace <what>')
    .description('the story of a message: QUEUE-ID, MESSAGE-ID, or all of an ADDRESS')
    .action((what: string) => {
      const dir = join(cli.config().config.data_dir, 'queue');
      if (statSync(traceFile(dir), { throwIfNoEntry: false }) === undefined) throw new Exit(exitCodes.no, `nothing is known of ${what}`);
      const store = openTrace(dir);
      const events = store.find(what);
      store.close();
      if (events.length === 0) throw new Exit(exitCodes.no, `nothing is known of ${what}`);
      cli.print(
        events.map(({ at, queue_id, msg, fields }) => ({ time: new Date(at).toISOString(), queue_id, msg, ...fields })),
        events.map(({ at, queue_id, msg, fields }) => {
          const told = Object.entries(fields).filter(([name, value]) => !unshown.has(name) && value !== null);
          return `${new Date(at).toISOString()} ${queue_id} ${msg}${told.map(([name, value]) => ` ${name}=${show(value)}`).join('')}`;
        }),
      );
    });
};

function show(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /\s/.test(text) ? JSON.stringify(text) : text;
}
