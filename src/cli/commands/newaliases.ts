import { readFileSync } from 'node:fs';
import { parseAliases } from '../../directory/alias-file.ts';
import type { Cli, CommandFile } from '../command.ts';
import { Exit, exitCodes } from '../exit.ts';

/** Sendmail's command to rebuild the alias database. Aliases are in force as soon as they are written, so it only checks the file. */
export const newaliases: CommandFile = (program, cli) => {
  program
    .command('newaliases')
    .description('check the aliases file, which is in force as soon as it is written; 65 = a line is wrong')
    .allowUnknownOption()
    .allowExcessArguments()
    .action(() => checkAliases(cli));
};

/** @throws Exit 65 with the lines that are wrong */
export function checkAliases(cli: Cli): void {
  const file = cli.config().config['local.aliases'];
  if (file === '') return;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    // None is as good as an empty one.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new Exit(exitCodes.unavailable, `newaliases: ${(error as Error).message}`);
  }
  const { problems } = parseAliases(text);
  if (problems.length > 0) throw new Exit(exitCodes.data, problems.map(({ line, what }) => `${file}:${line}: ${what}`).join('\n'));
}
