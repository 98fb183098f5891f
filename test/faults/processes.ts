// A worker that hangs, what the files look like to others, what the log says, and names that JavaScript has plans for.
import { execFileSync } from 'node:child_process';
import { chmodSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDirectory } from '../../src/directory/open.ts';
import { ConfigError } from '../../src/server/config/error.ts';
import { loadConfig } from '../../src/server/config/load.ts';
import { capabilitiesOf } from '../../src/server/privileges.ts';
import { ImapClient } from '../support/imap.ts';
import { root, spawnServer, temporaryFolder } from '../support/server.ts';
import { SmtpTalk } from '../support/smtp.ts';
import { children } from '../support/worker-connection.ts';
import { answers, faultServer } from './fault-server.ts';
import { Failed, type FaultTest, figures, Skip } from './fault-test.ts';

async function hang(): Promise<string> {
  const server = await faultServer({ accounts: ['ann@example.com'] });
  try {
    const stopped = server.workers()[0]!;
    process.kill(stopped, 'SIGSTOP');
    const began = performance.now();
    let noticed = -1;
    while (noticed < 0 && performance.now() - began < 20_000) {
      if (!server.workers().includes(stopped)) noticed = Math.round(performance.now() - began);
      else await sleep(20);
    }
    const back = await Promise.all(Array.from({ length: 6 }, () => answers(server.ports.SMTP, 10_000)));
    return figures(
      {
        noticedAfterMs: noticed < 0 ? 99_999 : noticed,
        servedAfterMs: Math.round(performance.now() - began),
        unanswered: back.filter((ok) => !ok).length,
      },
      ['unanswered'],
      { noticedAfterMs: 5000 },
    );
  } finally {
    await server.close();
  }
}

const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '__defineGetter__', 'valueOf', 'prototype'];

/** Names that every object has, wherever a client may give a name. */
async function objectNames(): Promise<string> {
  const server = await faultServer({
    accounts: names.flatMap((name) => [`${name}@example.com`, `${name}@${name}`]),
    workers: 1,
    env: { POSTCOTE_SMTP__MYNETWORKS: '192.0.2.0/24' },
  });
  const wrong: string[] = [];
  let checks = 0;
  const expect = (what: string, answer: string, wanted: RegExp): void => {
    checks++;
    if (!wanted.test(answer)) wrong.push(`${what}: ${answer}`);
  };
  try {
    const directory = openDirectory({
      file: join(server.dir, 'data/directory.sqlite'),
      home: '/x/%d/%n',
      quota: 0,
      recipientDelimiter: '+',
    });
    for (const name of names) directory.manage.addAlias(`alias.${name}@example.com`, [`${name}@${name}`]);
    directory.close();
    for (const name of names) {
      const file = join(server.dir, 'names.toml');
      for (const text of [`${name} = 1`, `[${name}]\n${name} = 1`, `smtp.${name}.${name} = 1`, `[smtp]\n${name} = 1`]) {
        writeFileSync(file, text);
        let said = 'taken';
        try {
          loadConfig({ file, env: {} });
        } catch (error) {
          said = error instanceof ConfigError ? error.message : `bug: ${String(error)}`;
        }
        expect(`TOML ${JSON.stringify(text)}`, said, /unknown setting|not TOML/);
      }
      const talk = await SmtpTalk.to(server.ports.SMTP);
      await talk.reply();
      expect('EHLO', await talk.say(`EHLO ${name.replaceAll('_', '')}.test`), /^250/);
      expect('verb', await talk.say(name), /^5\d\d/);
      expect('MAIL parameter', await talk.say(`MAIL FROM:<${name}@x.test> ${name}=1`), /^5\d\d/);
      expect('MAIL', await talk.say(`MAIL FROM:<${name}@x.test>`), /^250/);
      expect('unknown user', await talk.say(`RCPT TO:<x${name}@example.com>`), /^550 5\.1\.1/);
      expect('unknown domain', await talk.say(`RCPT TO:<x@${name.replaceAll('_', '')}>`), /^5\d\d/);
      expect('RCPT', await talk.say(`RCPT TO:<${name}@example.com>`), /^250/);
      expect('DATA', await talk.say('DATA'), /^354/);
      talk.write(
        `${name}: 1\r\nFrom: ${name}@x.test\r\nSubject: x\r\nContent-Type: text/plain; ${name}=1; charset=${name}\r\nContent-Transfer-Encoding: ${name}\r\n\r\nx\r\n.\r\n`,
      );
      expect('message', await talk.reply(), /^250/);
      expect('MAIL again', await talk.say('MAIL FROM:<>'), /^250/);
      expect('alias', await talk.say(`RCPT TO:<alias.${name}@example.com>`), /^250/);
      expect('no alias', await talk.say(`RCPT TO:<none.${name}@${name}>`), /^550/);
      expect('DATA again', await talk.say('DATA'), /^354/);
      talk.write('Subject: x\r\n\r\nx\r\n.\r\n');
      expect('second message', await talk.reply(), /^250/);
      talk.close();

      const client = await ImapClient.connect(server.ports.IMAP);
      await client.line();
      const say = async (text: string): Promise<string> => (await client.command(text)).join('\n');
      expect('command', await say(name), /BAD/);
      expect('LOGIN', await say(`LOGIN ${name}@example.com secret`), /OK/);
      expect('other LOGIN', await say(`ENABLE ${name}`), /OK/);
      expect('CREATE', await say(`CREATE ${name}`), /OK/);
      expect('LIST', await say(`LIST "" ${name}`), new RegExp(`LIST .* "?${name}"?`));
      expect('SELECT none', await say(`SELECT x${name}`), /NO \[NONEXISTENT\]/);
      expect('SELECT', await say('SELECT INBOX'), /1 EXISTS/);
      expect('keyword', await say(`STORE 1 +FLAGS (${name})`), new RegExp(`FLAGS \\([^)]*${name}`));
      expect('SEARCH keyword', await say(`SEARCH KEYWORD ${name}`), /SEARCH 1/);
      expect('SEARCH header', await say(`SEARCH HEADER ${name} 1`), /SEARCH 1/);
      expect('header', await say(`FETCH 1 (BODY.PEEK[HEADER.FIELDS (${name})] BODYSTRUCTURE ENVELOPE)`), new RegExp(`${name}: 1`, 'i'));
      expect('FETCH item', await say(`FETCH 1 ${name}`), /BAD/);
      expect('STATUS item', await say(`STATUS INBOX (${name})`), /BAD/);
      expect('COPY', await say(`COPY 1 ${name}`), /OK/);
      expect('no such entry', await say(`GETMETADATA "" /private/${name}`), /METADATA "" \(\/private\/\w+ NIL\)/i);
      expect('SETMETADATA', await say(`SETMETADATA "" (/private/${name} "${name}")`), /OK/);
      expect('GETMETADATA', await say(`GETMETADATA "" /private/${name}`), new RegExp(`METADATA "" \\(/private/${name} "?${name}`, 'i'));
      expect('mailbox entry', await say(`SETMETADATA ${name} (/shared/${name}/${name} "x")`), /OK/);
      expect('SUBSCRIBE', await say(`SUBSCRIBE ${name}`), /OK/);
      expect('LSUB', await say('LSUB "" *'), new RegExp(`LSUB .* "?${name}"?`));
      expect('SETACL', await say(`SETACL ${name} ${name}@${name} lr`), /OK/);
      expect('GETACL', await say(`GETACL ${name}`), new RegExp(`ACL .*${name}@${name} lr`, 'i'));
      expect('ID', await say(`ID ("${name}" "${name}")`), /OK/);
      expect('SORT', await say(`SORT (${name}) UTF-8 ALL`), /BAD/);
      expect('THREAD', await say(`THREAD ${name} UTF-8 ALL`), /BAD/);
      expect('charset', await say(`SEARCH CHARSET ${name} TEXT x`), /NO \[BADCHARSET/);
      expect('search key', await say(`SEARCH ${name} x`), /BAD/);
      expect('special use', await say(`CREATE x${name} (USE (\\${name}))`), /NO|BAD/);
      client.close();

      // As domain, alias and login.
      const other = await ImapClient.connect(server.ports.IMAP);
      await other.line();
      const tell = async (text: string): Promise<string> => (await other.command(text)).join('\n');
      expect('unknown user', await tell(`LOGIN ${name} secret`), /NO/);
      expect('unknown mechanism', await tell(`AUTHENTICATE ${name}`), /NO|BAD/);
      expect('LOGIN of the domain', await tell(`LOGIN ${name}@${name} secret`), /OK/);
      expect('mail by way of an alias', await tell('STATUS INBOX (MESSAGES)'), /MESSAGES 1/);
      other.close();
    }
    const errors = server.errors();
    if (wrong.length > 0) throw new Failed(wrong.slice(0, 8).join(' | '));
    return figures({ names: names.length, checks, wrong: 0, errors: errors.length }, ['errors']);
  } finally {
    await server.close();
  }
}

/** Files are closed to others, the log tells no secret, the unit is tight. That root is given up for good, the server itself makes sure of at its start. */
async function leastPrivilege(): Promise<string> {
  const server = await faultServer({ accounts: ['ann@example.com'], env: { POSTCOTE_LOG__LEVEL: 'debug' } });
  try {
    const password = 'S3cr3t-in-no-log';
    const client = await ImapClient.connect(server.ports.IMAP);
    await client.line();
    await client.command(`LOGIN ann@example.com ${password}`);
    await client.command('LOGIN ann@example.com secret');
    await client.append('INBOX', 'Subject: words-in-no-log\r\n\r\nwords-in-no-log\r\n');
    client.close();
    await sleep(500);
    const open: string[] = [];
    const look = (path: string): void => {
      const { mode } = lstatSync(path);
      // The maildrop takes mail from every local program, as a letter box does: what is in it cannot be listed or read.
      if ((mode & (path.endsWith('/maildrop') ? 0o044 : 0o077)) !== 0) open.push(path);
      if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) look(join(path, name));
    };
    for (const part of ['data', 'mail']) look(join(server.dir, part));
    if (open.length > 0) throw new Failed(`open to others: ${open.slice(0, 5).join(', ')}`);
    const text = JSON.stringify(server.process.log) + server.process.stderr();
    const secrets = [password, 'words-in-no-log'].filter((word) => text.includes(word)).length;
    const unit = /(\d+\.\d) (?:OK|SAFE|MEDIUM|EXPOSED)/.exec(
      (() => {
        try {
          return execFileSync('systemd-analyze', ['security', '--offline=true', 'packaging/postcote.service'], {
            encoding: 'utf8',
            stdio: ['ignore', 'pipe', 'ignore'],
          });
        } catch (error) {
          return String((error as { stdout?: string }).stdout);
        }
      })(),
    )?.[1];
    return figures(
      { openToOthers: open.length, secretsInLog: secrets, systemdExposure: unit ?? 'not measured' },
      ['openToOthers', 'secretsInLog'],
      unit === undefined ? {} : { systemdExposure: 2 },
    );
  } finally {
    await server.close();
  }
}

/** Started as root with `run_as`: ports of root's are served, and no process is or can be root any more. */
async function rootGivenUp(): Promise<string> {
  if (process.getuid?.() !== 0) throw new Skip('wants root');
  const { path: dir, remove } = temporaryFolder();
  chmodSync(dir, 0o711);
  const any = ['SUBMISSION', 'SUBMISSIONS', 'IMAP', 'IMAPS', 'POP3', 'POP3S', 'LMTP', 'HTTP', 'MANAGESIEVE'];
  const program = join(root, 'dist/server.js');
  const server = spawnServer({
    cwd: dir,
    program,
    env: {
      ...Object.fromEntries(any.map((name) => [`POSTCOTE_LISTEN__${name}`, ''])),
      POSTCOTE_LISTEN__SMTP: '127.0.0.1:0,127.77.0.1:25',
      POSTCOTE_DATA_DIR: join(dir, 'data'),
      POSTCOTE_MAIL__HOME: join(dir, 'mail/%d/%n'),
      POSTCOTE_WORKERS: '2',
      POSTCOTE_RUN_AS: '65534:65534',
    },
  });
  try {
    try {
      await server.line('ready');
    } catch (error) {
      if (/EACCES|Cannot find module/.test(server.stderr())) throw new Skip('the program lies where nobody but root may read');
      throw error;
    }
    const pids = [server.pid, ...children(server.pid)];
    const figure = { processes: pids.length, asRoot: 0, capabilities: 0, groups: 0, port25: 0 };
    for (const pid of pids) {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const ids = [...status.matchAll(/^(?:Uid|Gid):\s+(.*)$/gm)].flatMap(([, list]) => list!.split(/\s+/));
      if (ids.some((id) => id !== '65534')) figure.asRoot++;
      if (/^Groups:.*\b0\b/m.test(status)) figure.groups++;
      if (capabilitiesOf(status) !== 0n) figure.capabilities++;
    }
    const greeting = await new Promise<string>((resolve) => {
      const socket = connect(25, '127.77.0.1');
      socket.once('data', (chunk) => {
        socket.destroy();
        resolve(chunk.toString());
      });
      socket.once('error', (error) => resolve(error.message));
    });
    if (greeting.startsWith('220')) figure.port25 = 1;
    else throw new Failed(`port 25: ${greeting}`);
    return figures(figure, ['asRoot', 'capabilities', 'groups']);
  } finally {
    server.kill('SIGTERM');
    await server.exited;
    remove();
  }
}

export const processTests: readonly FaultTest[] = [
  { name: 'worker-hangs', run: hang },
  { name: 'object-names', run: objectNames },
  { name: 'least-privilege', run: leastPrivilege },
  { name: 'root-given-up', run: rootGivenUp },
];
