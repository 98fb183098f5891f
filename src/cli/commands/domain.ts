import type { CommandFile } from '../command.ts';
import { withDirectory } from '../directory.ts';

export const domain: CommandFile = (program, cli) => {
  const group = program.command('domain').description('domains with mail here: add, rm, list, disable, enable');

  group
    .command('add <name>')
    .description('mail for it is accepted from now on')
    .option('--alias-of <domain>', 'every address stands for the same local part there')
    .action((name: string, { aliasOf }: { aliasOf?: string }) =>
      withDirectory(cli, ({ manage }) => {
        const added = manage.addDomain(name, aliasOf);
        cli.print({ domain: added }, `${added} added`);
      }),
    );

  group
    .command('rm <name>')
    .description('forget it; mail on disk stays')
    .option('--force', 'its accounts and aliases too')
    .action((name: string, { force = false }: { force?: boolean }) =>
      withDirectory(cli, ({ manage }) => {
        const removed = manage.removeDomain(name, force);
        cli.print({ domain: removed }, `${removed} removed`);
      }),
    );

  group
    .command('list')
    .description('all domains with the number of accounts and aliases')
    .action(() =>
      withDirectory(cli, ({ manage }) => {
        const domains = manage.domains();
        const lines = domains.map(({ name, enabled, aliasOf, accounts, aliases }) => {
          const notes = [
            aliasOf === null ? `${accounts} accounts, ${aliases} aliases` : `stands for ${aliasOf}`,
            ...(enabled ? [] : ['disabled']),
          ];
          return `${name}\t${notes.join(', ')}`;
        });
        cli.print(domains, lines);
      }),
    );

  for (const [verb, enabled] of [
    ['disable', false],
    ['enable', true],
  ] as const) {
    group
      .command(`${verb} <name>`)
      .description(enabled ? 'mail and logins again' : 'no mail, no logins, nothing removed')
      .action((name: string) =>
        withDirectory(cli, ({ manage }) => {
          const changed = manage.setDomainEnabled(name, enabled);
          cli.print({ domain: changed, enabled }, `${changed} ${verb}d`);
        }),
      );
  }
};
