import { basename } from 'node:path';
import { Command, CommanderError } from 'commander';
import { Fault } from '../mail/fault.ts';
import { ConfigError } from '../server/config/error.ts';
import { type Loaded, loadConfig } from '../server/config/load.ts';
import { exitOfErrno, StartFailure, startExit } from '../server/failure.ts';
import type { Cli } from './command.ts';
import { commands } from './commands/index.ts';
import { Exit, exitCodes, exitOfFault } from './exit.ts';

/** Names under which a link to the program acts as that command: Sendmail's. */
const personalities = ['sendmail', 'mailq', 'newaliases'];

/** Runs the command line and sets the exit code. */
export async function main(argv: readonly string[] = process.argv): Promise<void> {
  try {
    await run(argv);
  } catch (error) {
    process.exitCode = report(error);
  }
}

async function run(argv: readonly string[]): Promise<void> {
  const program = new Command('postcote');
  let loaded: Loaded | undefined;
  const cli: Cli = {
    config() {
      loaded ??= loadConfig({ file: program.opts<{ config?: string }>().config });
      return loaded;
    },
    get json() {
      return program.opts<{ json?: boolean }>().json === true;
    },
    print(value, text) {
      const lines = typeof text === 'string' ? text : text.join('\n');
      if (this.json) process.stdout.write(`${JSON.stringify(value)}\n`);
      else if (lines !== '') process.stdout.write(lines.endsWith('\n') ? lines : `${lines}\n`);
    },
    async stdin(limit = 64 << 20) {
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > limit) throw new Exit(exitCodes.data, `more than ${limit} octets on standard input`);
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    },
    warn: (text) => void process.stderr.write(`postcote: ${text}\n`),
  };

  program
    .description('One mail server: SMTP, IMAP, POP3, Maildir.')
    .option('--config <file>', 'configuration file; else $POSTCOTE_CONFIG, ./postcote.toml, /etc/postcote/postcote.toml')
    .option('--json', 'answer as JSON')
    .version('0.1.0')
    .exitOverride()
    .showHelpAfterError(false)
    .configureOutput({ outputError: () => {} });
  for (const add of commands) add(program, cli);

  const name = basename(argv[1] ?? '', '.js');
  const words = argv.slice(2);
  const personality = personalities.includes(name) ? [name] : [];
  if (personality.length === 0 && words.length === 0) throw new Exit(exitCodes.usage, program.helpInformation().trimEnd());
  const all = [...personality, ...words];
  // Sendmail's flags are not ours: what follows its name is its own business.
  const at = all.indexOf('sendmail');
  if (at >= 0 && all.slice(0, at).every((word, i) => word.startsWith('-') || all[i - 1] === '--config')) all.splice(at + 1, 0, '--');
  await program.parseAsync(all, { from: 'user' });
}

/** One line on stderr, an exit code of sysexits. */
function report(error: unknown): number {
  const say = (text: string): void => {
    if (text !== '') process.stderr.write(`${text}\n`);
  };
  if (error instanceof Exit || error instanceof StartFailure) {
    say(error.message);
    return error.code;
  }
  if (error instanceof ConfigError) {
    for (const line of error.lines) say(line);
    return exitCodes.configuration;
  }
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    say(`postcote: ${error.message.replace(/^error: /, '').replace(/\n/g, ' ')}`);
    return exitCodes.usage;
  }
  if (error instanceof Fault) {
    say(`postcote: ${error.detail === '' ? error.kind : error.detail}`);
    return exitOfFault[error.kind];
  }
  // A file or a port, which the message names.
  if (error instanceof Error && 'syscall' in error) {
    say(`postcote: ${error.message}`);
    return exitOfErrno(error) === startExit.notPermitted ? exitCodes.notPermitted : exitCodes.ioError;
  }
  say(`postcote: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return exitCodes.software;
}
