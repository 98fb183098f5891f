// Other programs at work in a Maildir that IMAP sessions have selected: nothing counts as expunged, new mail shows, no flag is lost.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ImapClient } from '../support/imap.ts';
import { has, run } from '../support/program.ts';
import { ImapUser, sendMail } from './clients.ts';
import { flagText, listMailbox, openMailbox } from './drivers.ts';
import { faultServer } from './fault-server.ts';
import { type FaultTest, figures } from './fault-test.ts';
import { messageText } from './ledger.ts';

const ann = 'ann@example.com';
const old = 300;
const nobody = 65_534;

async function foreign(seconds: number): Promise<string> {
  const server = await faultServer({ accounts: [ann] });
  const { SMTP, IMAP } = server.ports;
  const root = join(server.dir, 'mail/example.com/ann/Maildir');
  const odd: string[] = [];
  const result = { flips: 0, delivered: 0, expungesSeen: 0, uidsChanged: 0, flagsLost: 0, notSeen: 0, slowestSeenMs: 0 };
  const programs: string[] = [];
  try {
    for (let n = 0; n < old; n++) if (!(await sendMail(SMTP, ann, messageText(n))).startsWith('250')) throw new Error('not delivered');
    const first = await openMailbox(IMAP, ann, 'INBOX');
    const places = new Map((await listMailbox(first.client)).map(({ number, uid }) => [number, uid]));
    first.client.close();
    const uidOf = (name: string): number => Number(/,N=[0-9a-z]+\.(\d+)/.exec(name)?.[1] ?? 0);

    let running = true;
    let watching = true;
    /** What the files of the flipper say: UID to letters. */
    const flipped = new Map<number, string>();
    const flipper = async (): Promise<void> => {
      // New ones get their place in cur/ first, as every reader does.
      for (let i = 0; running; i++) {
        const names = readdirSync(join(root, 'cur')).filter((name) => uidOf(name) % 2 === 1);
        for (const name of readdirSync(join(root, 'new')).slice(0, 5)) {
          if (uidOf(name) === 0) continue;
          renameSync(join(root, 'new', name), join(root, 'cur', `${name}:2,`));
        }
        for (let k = 0; k < 14 && running; k++) {
          const name = names[Math.floor(Math.random() * names.length)];
          if (name === undefined) continue;
          const letters = ['', 'F', 'FS', 'R', 'S'][i % 5]!;
          const target = `${name.split(':')[0]}:2,${letters}`;
          names.splice(names.indexOf(name), 1);
          if (target === name) continue;
          try {
            renameSync(join(root, 'cur', name), join(root, 'cur', target));
            flipped.set(uidOf(name), letters);
            result.flips++;
          } catch (error) {
            if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
          }
        }
        await sleep(100);
      }
    };
    /** UIDs with even numbers get their flags by IMAP. */
    const stored = new Map<number, string>();
    const storer = async (): Promise<void> => {
      const user = new ImapUser(IMAP, ann);
      const uids = [...places.values()].filter((uid) => uid % 2 === 0);
      for (let i = 0; running; i++) {
        const uid = uids[i % uids.length]!;
        const flags = ['\\Flagged', '\\Seen', '\\Answered \\Seen'][i % 3]!;
        if ((await user.last(`UID STORE ${uid} FLAGS.SILENT (${flags})`)).startsWith('OK')) stored.set(uid, flagText(flags));
        else odd.push('STORE refused');
        await sleep(30);
      }
      user.close();
    };
    /** Watches by NOOP, as a client without IDLE. */
    const watcher = async (): Promise<void> => {
      const { client } = await openMailbox(IMAP, ann, 'INBOX');
      while (watching) {
        for (const line of await client.command('NOOP')) if (/EXPUNGE|VANISHED/.test(line)) result.expungesSeen++;
        await sleep(100);
      }
      client.close();
    };
    let next = old;
    /** Puts mail into new/ as any delivery agent does, and waits for it in a session that idles. */
    const deliverer = async (): Promise<void> => {
      const client = await ImapClient.connect(IMAP);
      await client.line();
      await client.ok(`LOGIN ${ann} secret`);
      await client.ok('SELECT INBOX');
      client.send('i IDLE\r\n');
      let exists = 0;
      const reading = (async () => {
        for (let line = await client.line(); line !== ''; line = await client.line()) {
          if (/EXPUNGE/.test(line)) result.expungesSeen++;
          exists = Math.max(exists, Number(/\* (\d+) EXISTS/.exec(line)?.[1] ?? 0));
        }
      })();
      while (running) {
        const number = next++;
        const name = `${Math.floor(Date.now() / 1000)}.P${process.pid}Q${number}.elsewhere`;
        writeFileSync(join(root, 'tmp', name), messageText(number).replaceAll('\r\n', '\n'));
        renameSync(join(root, 'tmp', name), join(root, 'new', name));
        result.delivered++;
        const began = performance.now();
        while (exists < next && performance.now() - began < 5000) await sleep(5);
        if (exists < next) result.notSeen++;
        else result.slowestSeenMs = Math.max(result.slowestSeenMs, Math.round(performance.now() - began));
        await sleep(150);
      }
      client.close();
      await reading;
    };
    const watchers = Promise.all([watcher(), watcher()]);
    const work = [flipper(), storer(), deliverer()];
    await Promise.race([sleep(seconds * 1000), watchers, ...work]);
    running = false;
    await Promise.all(work);

    const check = async (what: string): Promise<void> => {
      // A scan that a folder in motion had put off.
      await sleep(2500);
      const { client } = await openMailbox(IMAP, ann, 'INBOX');
      const there = new Map((await listMailbox(client)).map((line) => [line.number, line]));
      client.close();
      for (const [number, uid] of places) {
        const line = there.get(number);
        if (line?.uid !== uid) {
          result.uidsChanged++;
          odd.push(`${what}: ${number} was ${uid}, is ${line?.uid}`);
        }
      }
      for (const line of there.values()) places.set(line.number, line.uid);
      const words: Record<string, string> = { F: '\\Flagged', S: '\\Seen', R: '\\Answered' };
      for (const { uid, flags } of there.values()) {
        const letters = flipped.get(uid);
        const wanted = stored.get(uid) ?? (letters === undefined ? undefined : flagText(letters.replaceAll(/./g, (c) => `${words[c]} `)));
        if (wanted === undefined || wanted === flags) continue;
        result.flagsLost++;
        odd.push(`${what}: ${uid} has ${flags}, wanted ${wanted}`);
      }
    };
    await check('flipper');

    const home = server.dir;
    if (has('mbsync')) {
      programs.push('mbsync');
      mkdirSync(join(home, 'local'));
      const tls = /isync 1\.[0-4]/.test(spawnSync('mbsync', ['--version'], { encoding: 'utf8' }).stdout) ? 'SSLType' : 'TLSType';
      writeFileSync(
        join(home, 'mbsyncrc'),
        `IMAPStore far\nHost 127.0.0.1\nPort ${IMAP}\nUser ${ann}\nPass secret\n${tls} None\n\nMaildirStore near\nPath ${home}/local/\nInbox ${home}/local/INBOX\n\n` +
          'Channel all\nFar :far:\nNear :near:\nCreate Both\nExpunge Both\nSyncState *\n',
      );
      const sync = async (): Promise<void> => {
        const { code, output } = await run('mbsync', ['-c', join(home, 'mbsyncrc'), '-a', '-q'], { env: { HOME: home } });
        if (code !== 0) odd.push(`mbsync ${code}: ${output.slice(0, 200)}`);
      };
      await sync();
      for (let round = 0; round < 3; round++) {
        const number = next++;
        mkdirSync(join(home, 'local/INBOX/new'), { recursive: true });
        writeFileSync(join(home, 'local/INBOX/new', `${number}.here`), messageText(number).replaceAll('\r\n', '\n'));
        await sendMail(SMTP, ann, messageText(next++));
        await sync();
      }
      await sync();
      const here = ['new', 'cur'].flatMap((part) => readdirSync(join(home, 'local/INBOX', part))).length;
      const user = new ImapUser(IMAP, ann);
      const far = Number(/MESSAGES (\d+)/.exec((await user.say('STATUS INBOX (MESSAGES)')).join(' '))?.[1]);
      user.close();
      if (here !== far || far !== next) odd.push(`mbsync: ${here} here, ${far} there, ${next} sent`);
      await check('mbsync');
    }
    if (has('mutt') && has('script')) {
      programs.push('mutt');
      writeFileSync(
        join(home, 'muttrc'),
        'set folder = ~\nset move = no\nset quit = yes\nset delete = no\nset mail_check = 0\nset wait_key = no\nset mark_old = no\n',
      );
      // The keyword that nobody else uses here: \Answered by hand is R.
      const keys = '<tag-pattern>~s ^12$<enter><tag-prefix><set-flag>!<sync-mailbox><exit>';
      await run('script', ['-qec', `mutt -F ${home}/muttrc -n -f ${root} -e 'push "${keys}"'`, '/dev/null'], {
        env: { HOME: home, TERM: 'xterm' },
      });
      const uid = places.get(12)!;
      flipped.delete(uid);
      stored.delete(uid);
      await check('mutt');
      const user = new ImapUser(IMAP, ann);
      if (!/\\Flagged/.test((await user.say(`UID FETCH ${uid} (FLAGS)`)).join(' '))) odd.push('mutt: its flag does not show');
      user.close();
    }
    if (has('doveadm')) {
      programs.push('dovecot');
      // It finds more than one message by a number: flags are held against its own from here on.
      flipped.clear();
      stored.clear();
      const conf = join(home, 'dovecot.conf');
      writeFileSync(
        conf,
        `base_dir = ${home}/dovecot\nlog_path = /dev/stderr\nssl = no\nmail_location = maildir:${root}\nmail_uid = ${nobody}\nmail_gid = ${nobody}\nfirst_valid_uid = 1\n`,
      );
      chmodSync(home, 0o711);
      const env = { ...process.env, USER: userInfo().username, HOME: home };
      for (let round = 0; round < 3; round++) {
        const number = next++;
        // Dovecot does not work as root.
        spawnSync('chown', ['-R', `${nobody}:${nobody}`, join(home, 'mail')]);
        const saved = spawnSync('doveadm', ['-c', conf, 'save', '-m', 'INBOX'], {
          input: messageText(number),
          encoding: 'utf8',
          env,
        });
        const flagged = spawnSync('doveadm', ['-c', conf, 'flags', 'add', '\\Draft', 'mailbox', 'INBOX', 'SUBJECT', String(13 + round)], {
          encoding: 'utf8',
          env,
        });
        for (const { status, stderr } of [saved, flagged]) if (status !== 0) odd.push(`doveadm: ${stderr.slice(0, 200)}`);
        await sendMail(SMTP, ann, messageText(next++));
      }
      await check('dovecot');
      const user = new ImapUser(IMAP, ann);
      if (!/\\Draft/.test((await user.say(`UID FETCH ${places.get(13)} (FLAGS)`)).join(' '))) odd.push('dovecot: its flag does not show');
      if (!/SEARCH \d/.test((await user.say(`UID SEARCH SUBJECT ${next - 2}`)).join(' '))) odd.push('dovecot: its message does not show');
      user.close();
    }
    watching = false;
    await watchers;
    return figures(
      {
        messages: next,
        seconds,
        ...result,
        'flips/s': Math.round(result.flips / seconds),
        programs: programs.join(' + ') || 'none installed',
        errors: server.errors().length,
        odd: odd.length,
        ...(odd.length > 0 ? { that: odd.slice(0, 4).join('; ') } : {}),
      },
      ['expungesSeen', 'uidsChanged', 'flagsLost', 'notSeen', 'odd', 'errors'],
      { slowestSeenMs: 2000 },
    );
  } finally {
    await server.close();
  }
}

export const foreignTests: readonly FaultTest[] = [
  { name: 'foreign-writers', run: ({ long, rounds = long ? 60 : 10 }) => foreign(rounds) },
];
