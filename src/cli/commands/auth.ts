import { verifyPassword } from '../../auth/password.ts';
import type { CommandFile } from '../command.ts';
import { ask, passwordFromStdin, withDirectory } from '../directory.ts';
import { Exit, exitCodes } from '../exit.ts';

export const auth: CommandFile = (program, cli) => {
  const group = program.command('auth').description('logins: test');

  group
    .command('test <address> [password]')
    .description('whether they belong together; password from standard input when absent; 0 = yes, 77 = no')
    .action(async (given: string, argument: string | undefined) => {
      const password = argument ?? (process.stdin.isTTY ? await ask('Password: ') : await passwordFromStdin(cli));
      const { config } = cli.config();
      const realm = config['auth.default_realm'];
      const address = given.includes('@') || realm === '' ? given : `${given}@${realm}`;
      await withDirectory(cli, async (directory) => {
        const account = await directory.account(address);
        const usable = account?.enabled === true;
        const succeeded = usable && (await verifyPassword(password, account.password, config['auth.default_pass_scheme'], account.address));
        if (!succeeded) {
          cli.print({ address, succeeded }, `passdb: ${address} auth failed`);
          throw new Exit(exitCodes.notPermitted);
        }
        const { home, quota } = account;
        const fields = [`  user=${account.address}`, `  home=${home}`, ...(quota === 0 ? [] : [`  quota=${quota}`])];
        cli.print({ address: account.address, succeeded, home, quota }, [`passdb: ${address} auth succeeded`, 'extra fields:', ...fields]);
      });
    });
};
