import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Directory } from '../directory/open.ts';

const domain = 'example.com';
const addresses = [`user1@${domain}`, `user2@${domain}`];

/** Makes the demo domain and its accounts unless they are there; their passwords are in `demo-accounts.txt` only (0600). @returns lines `ADDRESS PASSWORD` */
export async function demoAccounts(dataDir: string, directory: Directory, hash: (password: string) => Promise<string>): Promise<string[]> {
  const file = join(dataDir, 'demo-accounts.txt');
  const known = new Map(
    (existsSync(file) ? readFileSync(file, 'utf8') : '')
      .split('\n')
      .filter((line) => line.includes(' '))
      .map((line) => line.split(' ') as [string, string]),
  );
  const missing = addresses.filter((address) => !known.has(address));
  for (const address of missing) known.set(address, randomBytes(12).toString('base64url'));
  const lines = [...known].map(([address, password]) => `${address} ${password}`);
  if (missing.length > 0) writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  if ((await directory.domain(domain)) === null) directory.manage.addDomain(domain);
  for (const address of addresses) {
    if ((await directory.account(address)) === null) directory.manage.addUser(address, await hash(known.get(address)!));
    else if (missing.includes(address)) directory.manage.setPassword(address, await hash(known.get(address)!));
  }
  return lines;
}
