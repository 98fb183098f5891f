import { checkConfig } from '../../server/check.ts';
import { formatProblem } from '../../server/config/error.ts';
import { settingNames } from '../../server/config/settings.ts';
import { differs, showConfig } from '../../server/config/show.ts';
import type { CommandFile } from '../command.ts';

export const config: CommandFile = (program, cli) => {
  const group = program.command('config').description('the configuration: check, show');

  group
    .command('check')
    .description('silent and 0 when good; else 78 and a line for each problem; a warning for what this version does not serve')
    .action(() => {
      for (const warning of checkConfig(cli.config())) cli.warn(formatProblem(warning));
    });

  group
    .command('show')
    .description('the settings in force, as TOML')
    .option('-n', 'only what differs from the default')
    .action(({ n = false }: { n?: boolean }) => {
      const loaded = cli.config();
      const shown = settingNames.filter((name) => !n || differs(name, loaded.config[name]));
      cli.print(Object.fromEntries(shown.map((name) => [name, loaded.config[name]])), showConfig(loaded, n));
    });
};
