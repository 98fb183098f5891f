import type { CommandFile } from '../command.ts';
import { printQueue } from './queue.ts';

/** Sendmail's name for `queue list`. */
export const mailq: CommandFile = (program, cli) => {
  program
    .command('mailq')
    .description('same as queue list')
    .allowUnknownOption()
    .allowExcessArguments()
    .action(() => printQueue(cli));
};
