import { join } from 'node:path';
import { createDns } from '../../net/dns-resolver.ts';
import { keysOf } from '../../relay/dkim.ts';
import { checkRecord, recordsOf, zoneLine } from '../../relay/dns-records.ts';
import type { Config } from '../../server/config/settings.ts';
import { dnsSlice } from '../../server/slices.ts';
import type { CommandFile } from '../command.ts';
import { Exit, exitCodes } from '../exit.ts';

export const dns: CommandFile = (program, cli) => {
  program
    .command('dns <domain>')
    .description('every DNS record to publish for a mail domain')
    .option('--check', 'compare with what DNS says; 1 when something is missing or different')
    .action(async (given: string, { check = false }: { check?: boolean }) => {
      const { config } = cli.config();
      const domain = given.toLowerCase();
      const keys = keysOf(join(config.data_dir, 'dkim'), domain);
      const records = recordsOf(domain, keys, {
        hostname: config.hostname,
        ports: portsOf(config),
        http: config['listen.http'][0] ?? null,
      });
      if (keys.length === 0) cli.warn(`${domain} has no DKIM key; \`postcote dkim add ${domain}\` makes one`);
      if (!check) {
        cli.print(
          records,
          records.flatMap((record) => [`; ${record.says}`, zoneLine(record)]),
        );
        return;
      }
      const resolver = createDns(dnsSlice(config));
      const checked = await Promise.all(records.map((record) => checkRecord(record, resolver)));
      cli.print(
        checked.map(({ record, state, found }) => ({ ...record, state, found })),
        checked.flatMap(({ record, state, found }) => [
          `${state.padEnd(9)} ${zoneLine(record)}`,
          ...(state === 'different' ? found.map((value) => `          DNS says: ${value}`) : []),
        ]),
      );
      if (checked.some(({ state }) => state !== 'ok')) throw new Exit(exitCodes.no);
    });
};

function portsOf(config: Config) {
  const port = (list: readonly string[]): number | null => {
    const outside = list.find((at) => !/^(127\.|\[::1\]|localhost)/.test(at));
    return outside === undefined ? null : Number(outside.slice(outside.lastIndexOf(':') + 1));
  };
  return {
    submission: port(config['listen.submission']),
    submissions: port(config['listen.submissions']),
    imap: port(config['listen.imap']),
    imaps: port(config['listen.imaps']),
    pop3: port(config['listen.pop3']),
    pop3s: port(config['listen.pop3s']),
    managesieve: port(config['listen.managesieve']),
  };
}
