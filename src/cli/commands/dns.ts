import { join } from 'node:path';
import { createDns } from '../../net/dns-resolver.ts';
import { keysOf } from '../../relay/dkim.ts';
import { checkRecord, recordsOf, zoneLine } from '../../relay/dns-records.ts';
import { clientPorts } from '../../server/autoconfig.ts';
import type { Config } from '../../server/config/settings.ts';
import { parseHostPort } from '../../server/config/types.ts';
import { dnsSlice } from '../../server/slices.ts';
import { type ListenerName, listenerKinds } from '../../server/sockets.ts';
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
  const listeners = (Object.keys(listenerKinds) as ListenerName[]).flatMap((name) =>
    config[`listen.${name}`].map((at) => ({ name, ...parseHostPort(at) })),
  );
  // Not served, whatever is configured: clients are told not to look.
  return { ...clientPorts(listeners, false), managesieve: null };
}
