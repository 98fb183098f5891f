import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type DkimKey, dkimRecord, keysOf, makeKey, removeKey } from '../../relay/dkim.ts';
import { zoneLine } from '../../relay/dns-records.ts';
import type { CommandFile } from '../command.ts';
import { Exit, exitCodes } from '../exit.ts';

export const dkim: CommandFile = (program, cli) => {
  const group = program.command('dkim').description('signing keys: add, list, rm');
  const dir = (): string => join(cli.config().config.data_dir, 'dkim');
  const shown = (key: DkimKey) => {
    const name = `${key.selector}._domainkey.${key.domain}`;
    const value = dkimRecord(key);
    return { domain: key.domain, selector: key.selector, type: key.type, name, value };
  };

  group
    .command('add <domain>')
    .description('make an RSA and an Ed25519 key; mail of the domain is signed with both from now on')
    .option('--selector <name>', 'in place of one made from the date')
    .option('--type <type>', 'only rsa, or only ed25519')
    .action((given: string, { selector, type }: { selector?: string; type?: string }) => {
      if (type !== undefined && type !== 'rsa' && type !== 'ed25519') throw new Exit(exitCodes.usage, `dkim: no such type: ${type}`);
      const domain = given.toLowerCase();
      const types: readonly DkimKey['type'][] = type === undefined ? ['rsa', 'ed25519'] : [type];
      const month = new Date().toISOString().slice(0, 7).replace('-', '');
      const keys = types.map((one) => {
        const base = selector ?? `p${month}`;
        const name = types.length === 1 && selector !== undefined ? base : `${base}${one === 'rsa' ? 'r' : 'e'}`;
        try {
          return makeKey(dir(), domain, name, one);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'EEXIST')
            throw new Exit(exitCodes.cannotCreate, `dkim: ${domain} has a key ${name} already; give --selector`);
          throw new Exit(exitCodes.cannotCreate, `dkim: ${(error as Error).message}`);
        }
      });
      const lines = keys.map((key) => zoneLine({ name: shown(key).name, type: 'TXT', value: shown(key).value, says: '' }));
      cli.print(keys.map(shown), ['; publish these first, then mail verifies:', ...lines]);
    });

  group
    .command('list [domain]')
    .description('keys of a domain, or of all')
    .action((domain?: string) => {
      const keys = (domain === undefined ? domains(dir()) : [domain.toLowerCase()]).flatMap((one) => keysOf(dir(), one));
      cli.print(
        keys.map(shown),
        keys.map((key) => `${key.domain} ${key.selector} ${key.type}`),
      );
    });

  group
    .command('rm <domain> <selector>')
    .description('stop signing with a key; leave its record in DNS for a week')
    .action((domain: string, selector: string) => {
      if (!keysOf(dir(), domain.toLowerCase()).some((key) => key.selector === selector))
        throw new Exit(exitCodes.no, `dkim: ${domain} has no key ${selector}`);
      removeKey(dir(), domain.toLowerCase(), selector);
    });
};

function domains(dir: string): string[] {
  try {
    return readdirSync(dir).sort();
  } catch {
    return [];
  }
}
