import { chownSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Directory, openDirectory } from '../directory/open.ts';
import { identityOf, ownFolder } from '../server/privileges.ts';
import type { Cli } from './command.ts';
import { Exit, exitCodes } from './exit.ts';

/** Runs `work` on the directory of the configuration; made when there is none, for the user that the server will be. */
export async function withDirectory<T>(cli: Cli, work: (directory: Directory) => T | Promise<T>): Promise<T> {
  const loaded = cli.config();
  const { config } = loaded;
  const file = join(config.data_dir, 'directory.sqlite');
  if (process.getuid?.() === 0 && config.run_as !== '' && !existsSync(file)) {
    const identity = identityOf(config.run_as, loaded.where('run_as'));
    ownFolder(config.data_dir, identity);
    writeFileSync(file, '', { flag: 'wx', mode: 0o600 });
    chownSync(file, identity.uid, identity.gid);
  }
  const directory = openDirectory({
    file,
    home: config['mail.home'],
    quota: config['mail.quota'],
    recipientDelimiter: config['mail.recipient_delimiter'],
  });
  try {
    return await work(directory);
  } finally {
    directory.close();
  }
}

/** The first line of stdin. @throws Exit 65 where it is empty */
export async function passwordFromStdin(cli: Cli): Promise<string> {
  const text = (await cli.stdin(4096)).toString('utf8');
  return checked(text.split(/\r?\n/, 1)[0]!);
}

/** Asked for twice at a terminal, unseen; elsewhere only `--password-stdin` reads one. @throws Exit 64, 65 */
export async function newPassword(cli: Cli, fromStdin: boolean): Promise<string> {
  if (fromStdin) return passwordFromStdin(cli);
  if (!process.stdin.isTTY)
    throw new Exit(exitCodes.usage, 'no terminal to ask for the password: give --password-stdin and one line on standard input');
  const first = await ask('Enter new password: ');
  if (first !== (await ask('Retype new password: '))) throw new Exit(exitCodes.data, 'the passwords differ');
  return checked(first);
}

function checked(password: string): string {
  if (password === '') throw new Exit(exitCodes.data, 'the password is empty');
  if (password.includes('\0')) throw new Exit(exitCodes.data, 'the password has a NUL in it');
  return password;
}

/** One line from the terminal, without echo. @throws Exit 65 at ^C and ^D */
export async function ask(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write(prompt);
  stdin.setRawMode(true);
  try {
    let line = '';
    for await (const chunk of stdin.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      for (const character of chunk.toString('utf8')) {
        if (character === '\r' || character === '\n') return line;
        if (character === '\x03' || character === '\x04') throw new Exit(exitCodes.data, 'no password given');
        line = character === '\x7f' || character === '\b' ? line.slice(0, -1) : line + character;
      }
    }
    return line;
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write('\n');
  }
}
