import { statSync } from 'node:fs';
import { silentLog } from '../../base/log.ts';
import { atOnce } from '../../base/slices.ts';
import { uidlFormatOf, uidls } from '../../pop3/uidl.ts';
import { storeSlice } from '../../server/slices.ts';
import { exportDovecot } from '../../store/export-dovecot.ts';
import { type Difference, rebuildAccount, verifyAccount } from '../../store/verify.ts';
import type { CommandFile } from '../command.ts';
import { withDirectory } from '../directory.ts';
import { Exit, exitCodes } from '../exit.ts';

/** Milliseconds after which what a running server was just doing is done. */
const secondLook = 1000;

/** Dovecot's own `pop3_uidl_format`: it needs no help to say the same. */
const dovecotUidl = '%08Xu%08Xv';

interface Owner {
  readonly address: string;
  readonly home: string;
}

export const indexAccount: CommandFile = (program, cli) => {
  const group = program.command('index').description('Maildir against index: verify, rebuild, export-dovecot');

  group
    .command('verify [address]')
    .description('whether Maildir and index agree, of one account or of all; 0 = they do')
    .action(async (address: string | undefined) => {
      const settings = storeSlice(cli.config().config);
      const owners = await accounts(address);
      const results: { address: string; differences: Difference[] }[] = [];
      for (const owner of owners) {
        const differences = asOwner(owner.home, () => verifyAccount(owner, settings));
        results.push({ address: owner.address, differences: differences.length === 0 ? [] : await confirmed(owner, differences) });
      }
      const wrong = results.filter(({ differences }) => differences.length > 0);
      cli.print(
        results,
        wrong.flatMap((result) => result.differences.map((one) => line(result.address, one))),
      );
      if (wrong.length > 0) throw new Exit(exitCodes.no);

      async function confirmed(owner: Owner, first: readonly Difference[]): Promise<Difference[]> {
        await new Promise((resolve) => setTimeout(resolve, secondLook));
        const known = new Set(first.map((one) => line('', one)));
        return asOwner(owner.home, () => verifyAccount(owner, settings)).filter((one) => known.has(line('', one)));
      }
    });

  group
    .command('rebuild <address>')
    .description('make the index anew from the Maildir; UIDs, flags and keywords stay')
    .action(async (address: string) => {
      const settings = storeSlice(cli.config().config);
      for (const owner of await accounts(address)) {
        const messages = asOwner(owner.home, () => rebuildAccount(owner, settings, silentLog));
        cli.print({ address: owner.address, messages }, `${owner.address}: ${messages} messages`);
      }
    });

  group
    .command('export-dovecot <address>')
    .description('write the UIDs into the Maildir as Dovecot keeps them, so that it can take over; stop the server first')
    .action(async (address: string) => {
      const { config } = cli.config();
      const format = config['pop3.uidl_format'];
      const known =
        format === dovecotUidl ? null : (messages: Parameters<typeof uidls>[1]) => atOnce(uidls(uidlFormatOf(format), messages));
      for (const owner of await accounts(address)) {
        const messages = asOwner(owner.home, () => exportDovecot(owner, storeSlice(config), silentLog, known));
        cli.print({ address: owner.address, messages }, `${owner.address}: ${messages} messages`);
      }
    });

  async function accounts(address: string | undefined): Promise<Owner[]> {
    return withDirectory(cli, async (directory) => {
      if (address === undefined) {
        const found = await Promise.all(directory.manage.users().map(({ email }) => directory.account(email)));
        return found.filter((one) => one !== null).filter(({ home }) => statSync(home, { throwIfNoEntry: false }) !== undefined);
      }
      const account = await directory.account(address);
      if (account === null) throw new Exit(exitCodes.noUser, `${address}: no such account`);
      return [{ address: account.address, home: account.home }];
    });
  }
};

function line(address: string, { mailbox, uid, file, problem }: Difference): string {
  return [address, mailbox ?? '-', uid ?? '-', problem, file ?? ''].join('\t').trimEnd();
}

/** Files that root makes must belong to whoever serves the mail. */
function asOwner<T>(home: string, work: () => T): T {
  const stat = statSync(home, { throwIfNoEntry: false });
  if (process.geteuid?.() !== 0 || stat === undefined || stat.uid === 0) return work();
  process.setegid?.(stat.gid);
  process.seteuid?.(stat.uid);
  try {
    return work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}
