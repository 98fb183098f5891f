import type { CommandFile } from '../command.ts';

/** Sendmail's command to rebuild the alias database: aliases are in force as soon as they are written, so there is nothing to do. */
export const newaliases: CommandFile = (program) => {
  program
    .command('newaliases')
    .description('nothing to do: aliases are in force as soon as they are written')
    .allowUnknownOption()
    .allowExcessArguments()
    .action(() => {});
};
