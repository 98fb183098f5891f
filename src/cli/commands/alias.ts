import type { CommandFile } from '../command.ts';
import { withDirectory } from '../directory.ts';

export const alias: CommandFile = (program, cli) => {
  const group = program.command('alias').description('addresses that lead to others: add, rm, list');

  group
    .command('add <source> <destination...>')
    .description('source: an address, or @domain for all that is not found otherwise')
    .action((source: string, destinations: string[]) =>
      withDirectory(cli, ({ manage }) => {
        const added = manage.addAlias(source, destinations);
        cli.print({ source: added, destinations }, `${added} leads to ${destinations.join(', ')}`);
      }),
    );

  group
    .command('rm <source> [destination...]')
    .description('some destinations, or all')
    .action((source: string, destinations: string[]) =>
      withDirectory(cli, ({ manage }) => {
        const removed = manage.removeAlias(source, destinations);
        cli.print({ source: removed, destinations }, `${removed} removed`);
      }),
    );

  group
    .command('list [domain]')
    .description('all aliases, or those of a domain')
    .action((domain: string | undefined) =>
      withDirectory(cli, ({ manage }) => {
        const rows = manage.aliases(domain).map(({ source, destination, enabled }) => ({ source, destination, enabled: enabled !== 0 }));
        cli.print(
          rows,
          rows.map(({ source, destination, enabled }) => `${source}\t${destination}${enabled ? '' : '\tdisabled'}`),
        );
      }),
    );
};
