// Debian's Dovecot with users in SQLite, in folders of its own.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts, greeting } from './ports.ts';
import { type BenchServer, domain, password, putMailAside } from './server.ts';

const owner = 5000;

export const dovecotInstalled = (): boolean => existsSync('/usr/sbin/dovecot');

/** Besides what every server has, the socket Postfix asks for SASL. */
export interface DovecotServer extends BenchServer {
  readonly authSocket: string;
}

export async function startDovecot(root: string, accounts: number, certificate: { cert: string; key: string }): Promise<DovecotServer> {
  const [imap, imaps, pop3] = (await freePorts(3)) as [number, number, number];
  const dir = (name: string): string => join(root, name);
  for (const name of ['etc', 'run', 'state', 'mail']) mkdirSync(dir(name), { recursive: true });
  chmodSync(root, 0o755);
  execFileSync('chown', [`${owner}:${owner}`, dir('mail')]);
  const hash = execFileSync('openssl', ['passwd', '-6', password]).toString().trim();
  execFileSync('sqlite3', [dir('etc/users.sqlite')], {
    input: `CREATE TABLE virtual_users (id INTEGER PRIMARY KEY, email TEXT UNIQUE, password TEXT);
      WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${accounts - 1})
      INSERT INTO virtual_users (email, password) SELECT 'u' || i || '@${domain}', '${hash}' FROM n;`,
  });
  chmodSync(dir('etc/users.sqlite'), 0o644);
  writeFileSync(
    dir('etc/sql.conf'),
    `driver = sqlite
connect = ${dir('etc/users.sqlite')}
default_pass_scheme = SHA512-CRYPT
password_query = SELECT email AS user, password FROM virtual_users WHERE email = '%u'
`,
  );
  const authSocket = dir('run/postfix-auth');
  writeFileSync(
    dir('etc/dovecot.conf'),
    `base_dir = ${dir('run')}
state_dir = ${dir('state')}
log_path = ${dir('dovecot.log')}
protocols = imap pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <${certificate.cert}
ssl_key = <${certificate.key}
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:~/Maildir
mail_fsync = always
mail_max_userip_connections = 0
first_valid_uid = 100
default_client_limit = 12000
default_process_limit = 1200
passdb {
  driver = sql
  args = ${dir('etc/sql.conf')}
}
userdb {
  driver = static
  args = uid=${owner} gid=${owner} home=${dir('mail')}/%d/%n
}
service imap-login {
  inet_listener imap {
    port = ${imap}
  }
  inet_listener imaps {
    port = ${imaps}
  }
}
service pop3-login {
  inet_listener pop3 {
    port = ${pop3}
  }
  inet_listener pop3s {
    port = 0
  }
}
service auth {
  unix_listener ${authSocket} {
    mode = 0666
  }
}
`,
  );
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    child = spawn('dovecot', ['-F', '-c', dir('etc/dovecot.conf')], { stdio: 'ignore' });
    await greeting(imap);
  };
  const end = async (): Promise<void> => {
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
  };
  await start();
  return {
    name: 'Dovecot',
    authSocket,
    get pids() {
      return [child.pid!];
    },
    ports: { imap, imaps, pop3 },
    maildir: (name) => join(dir('mail'), domain, name.split('@')[0]!, 'Maildir'),
    async dropIndex(name) {
      await end();
      const maildir = join(dir('mail'), domain, name.split('@')[0]!, 'Maildir');
      for (const file of readdirSync(maildir)) if (file.startsWith('dovecot.index')) rmSync(join(maildir, file), { recursive: true });
      await start();
    },
    async restart(keep = false) {
      await end();
      if (!keep) putMailAside(dir('mail'), accounts);
      await start();
    },
    stop: end,
  };
}
