// Debian's Postfix with virtual(8) and users in SQLite, in folders of its own.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts, greeting } from './ports.ts';
import { type BenchServer, domain, putMailAside } from './server.ts';

const programs = '/usr/lib/postfix/sbin';
const owner = 5000;

export const postfixInstalled = (): boolean => existsSync(`${programs}/master`);

/** @param auth the Dovecot auth socket for SASL, when wanted; @param extra lines at the end of main.cf */
export async function startPostfix(
  root: string,
  accounts: number,
  auth: string | null,
  certificate: { cert: string; key: string },
  extra = '',
): Promise<BenchServer & { start(): Promise<void> }> {
  const [smtp, submission] = (await freePorts(2)) as [number, number];
  const dir = (name: string): string => join(root, name);
  for (const name of ['etc', 'queue', 'data', 'mail', 'log']) mkdirSync(dir(name), { recursive: true });
  chmodSync(root, 0o755);
  const idOf = (flag: string, name: string): number => Number(execFileSync('id', [flag, name]).toString());
  chownSync(dir('data'), idOf('-u', 'postfix'), idOf('-g', 'postfix'));
  chownSync(dir('mail'), owner, owner);
  execFileSync('sqlite3', [dir('etc/users.sqlite')], {
    input: `CREATE TABLE virtual_users (id INTEGER PRIMARY KEY, email TEXT UNIQUE, maildir TEXT);
      WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${accounts - 1})
      INSERT INTO virtual_users (email, maildir) SELECT 'u' || i || '@${domain}', '${domain}/u' || i || '/Maildir/' FROM n;`,
  });
  chmodSync(dir('etc/users.sqlite'), 0o644);
  writeFileSync(dir('etc/users.cf'), `dbpath = ${dir('etc/users.sqlite')}\nquery = SELECT maildir FROM virtual_users WHERE email = '%s'\n`);
  writeFileSync(
    dir('etc/main.cf'),
    `compatibility_level = 3.6
queue_directory = ${dir('queue')}
data_directory = ${dir('data')}
command_directory = /usr/sbin
daemon_directory = ${programs}
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.${domain}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = ${domain}
virtual_mailbox_base = ${dir('mail')}
virtual_mailbox_maps = proxy:sqlite:${dir('etc/users.cf')}
virtual_minimum_uid = 100
virtual_uid_maps = static:${owner}
virtual_gid_maps = static:${owner}
virtual_mailbox_limit = 0
message_size_limit = 52428800
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
smtpd_tls_cert_file = ${certificate.cert}
smtpd_tls_key_file = ${certificate.key}
smtpd_tls_security_level = may
smtpd_sasl_auth_enable = ${auth === null ? 'no' : 'yes'}
smtpd_sasl_type = dovecot
smtpd_sasl_path = ${auth ?? 'private/auth'}
smtpd_recipient_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
maillog_file_prefixes = /
maillog_file = ${dir('log/mail.log')}
${extra}`,
  );
  const service = (name: string, type: string, command: string, limit = '-'): string => `${name} ${type} - - n - ${limit} ${command}\n`;
  writeFileSync(
    dir('etc/master.cf'),
    `127.0.0.1:${smtp} inet n - n - 200 smtpd
127.0.0.1:${submission} inet n - n - 200 smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
${['bounce', 'defer', 'trace'].map((name) => service(name, 'unix', 'bounce', '0')).join('')}${service('rewrite', 'unix', 'trivial-rewrite')}verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
showq unix n - n - - showq
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`,
  );
  const control = (...words: string[]): void => {
    const done = spawnSync('postfix', ['-c', dir('etc'), ...words], { encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`postfix ${words.join(' ')}: ${done.stderr}`);
  };
  const start = async (): Promise<number> => {
    control('start');
    await greeting(smtp);
    return Number(readFileSync(dir('queue/pid/master.pid'), 'utf8'));
  };
  let pid = await start();
  return {
    name: 'Postfix',
    get pids() {
      return [pid];
    },
    ports: { smtp, submission },
    maildir: (name) => join(dir('mail'), domain, name.split('@')[0]!, 'Maildir'),
    async restart(keep = false) {
      control('stop');
      if (!keep) putMailAside(dir('mail'), accounts);
      pid = await start();
    },
    async start() {
      pid = await start();
    },
    async stop() {
      control('stop');
    },
  };
}
