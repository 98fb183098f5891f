import { formatListing } from '../../queue/listing.ts';
import type { CommandFile } from '../command.ts';
import { listQueue } from './queue.ts';

/** Sendmail's name for `queue list`. */
export const mailq: CommandFile = (program, cli) => {
  program
    .command('mailq')
    .description('same as queue list')
    .allowUnknownOption()
    .allowExcessArguments()
    .action(() => {
      const listed = listQueue(cli);
      cli.print(listed, formatListing(listed));
    });
};
