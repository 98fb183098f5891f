import { hashPassword, recognise } from '../../auth/password.ts';
import { parseQuota } from '../../directory/names.ts';
import type { CommandFile } from '../command.ts';
import { newPassword, withDirectory } from '../directory.ts';

interface PasswordOptions {
  readonly passwordStdin?: boolean;
  readonly passwordHash?: string;
}

export const user: CommandFile = (program, cli) => {
  const group = program.command('user').description('accounts: add, rm, list, passwd, quota, disable, enable');

  const stored = async (address: string, { passwordStdin = false, passwordHash }: PasswordOptions): Promise<string> => {
    const scheme = cli.config().config['auth.default_pass_scheme'];
    if (passwordHash === undefined) return hashPassword(await newPassword(cli, passwordStdin), scheme, address.toLowerCase());
    recognise(passwordHash, scheme);
    return passwordHash;
  };

  group
    .command('add <address>')
    .description('its mailbox is made when the first message or login comes')
    .option('--password-stdin', 'password from the first line of standard input')
    .option('--password-hash <hash>', 'password as stored elsewhere, {SCHEME}hash or a bare crypt hash')
    .option('--quota <size>', '500M, 1G…; none = no limit; else the configured default')
    .action(async (address: string, options: PasswordOptions & { quota?: string }) => {
      const quota = options.quota === undefined ? null : parseQuota(options.quota);
      const password = await stored(address, options);
      await withDirectory(cli, ({ manage }) => {
        const added = manage.addUser(address, password, quota);
        cli.print({ address: added }, `${added} added`);
      });
    });

  group
    .command('passwd <address>')
    .description('counts for the next login, everywhere')
    .option('--password-stdin', 'password from the first line of standard input')
    .option('--password-hash <hash>', 'password as stored elsewhere')
    .action(async (address: string, options: PasswordOptions) => {
      const password = await stored(address, options);
      await withDirectory(cli, ({ manage }) => {
        const changed = manage.setPassword(address, password);
        cli.print({ address: changed }, `password of ${changed} changed`);
      });
    });

  group
    .command('quota <address> <size>')
    .description('500M, 1G…; none = no limit; default = as configured')
    .action((address: string, size: string) =>
      withDirectory(cli, ({ manage }) => {
        const quota = size === 'default' ? null : parseQuota(size);
        const changed = manage.setQuota(address, quota);
        cli.print({ address: changed, quota }, `quota of ${changed}: ${size}`);
      }),
    );

  group
    .command('rm <address>')
    .description('forget the account; mail on disk stays')
    .action((address: string) =>
      withDirectory(cli, ({ manage }) => {
        const removed = manage.removeUser(address);
        cli.print({ address: removed }, `${removed} removed`);
      }),
    );

  group
    .command('list [domain]')
    .description('all accounts, or those of a domain')
    .action((domain: string | undefined) =>
      withDirectory(cli, async (directory) => {
        const rows = await Promise.all(
          directory.manage.users(domain).map(async ({ email, enabled }) => {
            const found = await directory.account(email);
            return { address: email, enabled: found?.enabled ?? enabled !== 0, home: found?.home ?? null, quota: found?.quota ?? null };
          }),
        );
        const line = ({ address, enabled, home }: (typeof rows)[number]): string =>
          [address, ...(home === null ? ['not usable: no home can be made of it'] : []), ...(enabled ? [] : ['disabled'])].join('\t');
        cli.print(rows, rows.map(line));
      }),
    );

  for (const [verb, enabled] of [
    ['disable', false],
    ['enable', true],
  ] as const) {
    group
      .command(`${verb} <address>`)
      .description(enabled ? 'mail and logins again' : 'no mail, no logins, nothing removed')
      .action((address: string) =>
        withDirectory(cli, ({ manage }) => {
          const changed = manage.setUserEnabled(address, enabled);
          cli.print({ address: changed, enabled }, `${changed} ${verb}d`);
        }),
      );
  }
};
