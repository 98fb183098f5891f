import { silentLog } from '../../base/log.ts';
import type { Expansion } from '../../directory/directory.ts';
import { formatAddress, splitAddress } from '../../mail/address.ts';
import { isProgram, localAliases } from '../../server/local-aliases.ts';
import { localAliasSlice } from '../../server/slices.ts';
import type { CommandFile } from '../command.ts';
import { withDirectory } from '../directory.ts';
import { Exit, exitCodes } from '../exit.ts';

const reasons: Record<NonNullable<Expansion['failure']>, string> = {
  noSuchDomain: 'not a domain here: relayed for those who may',
  noSuchUser: 'no such user here',
  accountDisabled: 'disabled',
  loop: 'the aliases go in circles, or lead to too many',
};

export const lookup: CommandFile = (program, cli) => {
  program
    .command('lookup <address>')
    .description('where mail for an address goes, step by step; 0 = somewhere, 1 = nowhere')
    .action(async (text: string) => {
      const address = splitAddress(text);
      if (address === null) throw new Exit(exitCodes.data, `${JSON.stringify(text)} is no address: wanted local-part@domain`);
      const { config } = cli.config();
      const aliases = localAliases({ hostname: config.hostname, settings: () => localAliasSlice(config), log: silentLog });
      await withDirectory(cli, async (own) => {
        const directory = aliases.over(own);
        const { accounts, remote, failure, steps } = await directory.expand(address);
        const lines = steps.map(({ from, rule, to }) => `${from}\t${rule}${to === '' || to === from ? '' : `\t${to}`}`);
        const targets = [
          ...accounts.map(({ account, detail }) => `mailbox\t${account.address}${detail === null ? '' : ` (${detail})`}\t${account.home}`),
          ...remote.map((to) =>
            isProgram(to, config.hostname)
              ? `${to.localPart.startsWith('|') ? 'command' : 'file'}\t${to.localPart}`
              : `remote\t${formatAddress(to)}`,
          ),
        ];
        cli.print(
          {
            address: formatAddress(address),
            steps,
            accounts: accounts.map(({ account, detail }) => ({ address: account.address, home: account.home, detail })),
            remote: remote.map(formatAddress),
            failure,
          },
          [...lines, ...targets, ...(failure === null ? [] : [`nowhere\t${reasons[failure]}`])],
        );
        if (failure !== null) throw new Exit(exitCodes.no);
      });
    });
};
