// A small file system of its own, filled up: mail is refused for now, what is there can be read and expunged, and it heals.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ImapClient } from '../support/imap.ts';
import { SmtpTalk } from '../support/smtp.ts';
import { faultServer } from './fault-server.ts';
import { type FaultTest, figures, Skip } from './fault-test.ts';

async function deliver(port: number, size: number): Promise<string> {
  const talk = await SmtpTalk.to(port);
  await talk.reply();
  await talk.say('EHLO driver.test');
  const replies = [await talk.say('MAIL FROM:<a@b.test>')];
  if (replies[0]!.startsWith('2')) replies.push(await talk.say('RCPT TO:<full@example.com>'));
  if (replies.at(-1)!.startsWith('2')) replies.push(await talk.say('DATA'));
  if (replies.at(-1)!.startsWith('354')) {
    talk.write(`Subject: x\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(size / 72)}.\r\n`);
    replies.push(await talk.reply());
  }
  talk.close();
  return replies.at(-1)!;
}

async function diskFull(kind: 'octets' | 'inodes'): Promise<string> {
  const disk = mkdtempSync(join(tmpdir(), 'postcote-disk-'));
  const options = kind === 'octets' ? 'size=48m' : 'size=256m,nr_inodes=300';
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `${options},mode=0700`, 'postcote-test', disk], { encoding: 'utf8' });
  if (mounted.status !== 0) {
    rmSync(disk, { recursive: true, force: true });
    throw new Skip(`no mount here: ${mounted.stderr?.trim() || mounted.error?.message}`);
  }
  const server = await faultServer({ accounts: ['full@example.com'], mail: disk });
  try {
    const replies = new Map<string, number>();
    const count = (reply: string): void => {
      const code = /^\d{3}(?: [\d.]+)?/.exec(reply)?.[0] ?? reply;
      replies.set(code, (replies.get(code) ?? 0) + 1);
    };
    let accepted = 0;
    const sizes = kind === 'octets' ? 720_000 : 720;
    const send = async (): Promise<void> => {
      const reply = await deliver(server.ports.SMTP, sizes);
      if (reply.startsWith('250')) accepted++;
      count(reply);
    };
    for (let i = 0; i < (kind === 'octets' ? 80 : 320); i++) await send();
    // What the store keeps free goes as well.
    const ballast: string[] = [];
    for (let n = 0; n < 40; n++) {
      const path = join(disk, `ballast${n}`);
      try {
        writeFileSync(path, Buffer.alloc(kind === 'octets' ? 1 << 20 : 0));
        ballast.push(path);
      } catch {
        rmSync(path, { force: true });
        break;
      }
    }
    for (let i = 0; i < 5; i++) await send();
    const client = await ImapClient.connect(server.ports.IMAP);
    await client.line();
    await client.ok('LOGIN full@example.com secret');
    const selected = (await client.ok('SELECT INBOX')).join('\n');
    const before = Number(/(\d+) EXISTS/.exec(selected)![1]);
    const read = (await client.command(`UID FETCH ${before} BODY.PEEK[HEADER]`)).at(-1)!;
    const appended = (await client.command(`APPEND INBOX {${200_000}}\r\n${'x'.repeat(200_000)}`)).at(-1)!;
    if (kind === 'octets') for (const path of ballast.splice(0, 1)) rmSync(path);
    const stored = (await client.command('STORE 1:5 +FLAGS.SILENT (\\Deleted)')).at(-1)!;
    const expunged = (await client.command('EXPUNGE')).at(-1)!;
    client.close();
    for (const path of ballast) rmSync(path);
    // Room again: by what is expunged where nothing else frees it.
    const made = await ImapClient.connect(server.ports.IMAP);
    await made.line();
    await made.ok('LOGIN full@example.com secret');
    await made.ok('SELECT INBOX');
    await made.command(`STORE 1:${Math.ceil(before * 0.7)} +FLAGS.SILENT (\\Deleted)`);
    await made.command('EXPUNGE');
    const freed = performance.now();
    let healed = -1;
    while (healed < 0 && performance.now() - freed < 15_000) {
      if ((await deliver(server.ports.SMTP, sizes)).startsWith('250')) {
        healed = Math.round(performance.now() - freed);
        accepted++;
      } else await sleep(200);
    }
    const left = Number(/MESSAGES (\d+)/.exec((await made.ok('STATUS INBOX (MESSAGES)')).join('\n'))![1]);
    made.close();
    await sleep(1000);
    const box = join(disk, 'example.com/full/Maildir');
    const files = ['new', 'cur'].reduce((sum, part) => sum + readdirSync(join(box, part)).length, 0);
    const odd =
      [...replies.keys()].filter((code) => !/^(250|452|451)/.test(code)).length +
      Number(!/^(NO \[(OVERQUOTA|UNAVAILABLE|LIMIT))|^OK/.test(appended));
    return figures(
      {
        accepted,
        replies: [...replies].map(([code, times]) => `${code} ×${times}`).join(' / '),
        append: appended.slice(0, 24),
        read: read.slice(0, 2),
        store: stored.slice(0, 2),
        expunge: expunged.slice(0, 2),
        oddReplies: odd,
        readFailed: Number(!read.startsWith('OK')),
        expungeFailed: Number(!expunged.startsWith('OK')),
        filesWithoutRow: files - left,
        errors: server.errors().length,
        healedAfterMs: healed < 0 ? 99_999 : healed,
        freeMiB: Math.round((statfsSync(disk).bavail * statfsSync(disk).bsize) / 2 ** 20),
      },
      ['oddReplies', 'readFailed', 'expungeFailed', 'filesWithoutRow', 'errors'],
      { healedAfterMs: 10_000 },
    );
  } catch (error) {
    (error as Error).message += ` ${server
      .errors()
      .slice(0, 2)
      .map((line) => JSON.stringify(line).slice(0, 600))
      .join('\n')}`;
    throw error;
  } finally {
    await server.close();
    spawnSync('umount', [disk]);
    rmSync(disk, { recursive: true, force: true });
  }
}

export const diskFullTests: readonly FaultTest[] = [
  { name: 'disk-full', run: () => diskFull('octets') },
  { name: 'inodes-full', run: () => diskFull('inodes') },
];
