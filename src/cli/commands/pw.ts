import { hashPassword, recognise, verifyPassword } from '../../auth/password.ts';
import { schemes } from '../../auth/schemes/index.ts';
import type { CommandFile } from '../command.ts';
import { newPassword, passwordFromStdin } from '../directory.ts';
import { Exit, exitCodes } from '../exit.ts';

interface Options {
  readonly scheme?: string;
  readonly password?: string;
  readonly user?: string;
  readonly list?: boolean;
  readonly test?: string;
}

export const pw: CommandFile = (program, cli) => {
  program
    .command('pw')
    .description('make and test stored passwords, {SCHEME}hash')
    .option('-s, --scheme <scheme>', 'see --list; default as configured')
    .option('-p, --password <password>', 'the password; else the first line of standard input')
    .option('-u, --user <address>', 'for DIGEST-MD5, which mixes it in')
    .option('-l, --list', 'schemes')
    .option('-t, --test <hash>', 'whether the password fits; 0 = yes, 77 = no')
    .action(async ({ scheme, password: given, user = '', list = false, test }: Options) => {
      if (list) {
        const names = schemes.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
        cli.print(
          schemes.map(({ name, aliases = [], weak }) => ({ name, aliases, weak })),
          names.join(' '),
        );
        return;
      }
      const configured = (): string => cli.config().config['auth.default_pass_scheme'];
      if (test !== undefined) {
        const password = given ?? (await passwordFromStdin(cli));
        const fallback = test.startsWith('{') ? 'PLAIN' : configured();
        const verified = await verifyPassword(password, test, fallback, user);
        cli.print({ scheme: recognise(test, fallback).scheme.name, verified }, `${test} (${verified ? 'verified' : 'not verified'})`);
        if (!verified) throw new Exit(exitCodes.notPermitted);
        return;
      }
      const password = given ?? (process.stdin.isTTY ? await newPassword(cli, false) : await passwordFromStdin(cli));
      const stored = await hashPassword(password, scheme ?? configured(), user);
      cli.print({ stored }, stored);
    });
};
