import { userInfo } from 'node:os';
import { join } from 'node:path';
import { splitAddress } from '../../mail/address.ts';
import type { DsnNotify } from '../../mail/envelope.ts';
import { addressList } from '../../mail/header/addresses.ts';
import { type HeaderField, splitHeader, unfold } from '../../mail/header/fields.ts';
import { encodeWords } from '../../mail/header/words.ts';
import { LfWriter } from '../../mail/line-ends.ts';
import { HeaderGuard } from '../../mail/message-fixups.ts';
import { formatDropped } from '../../queue/dropped.ts';
import { dropMail, makeMaildrop } from '../../queue/maildrop.ts';
import type { Cli, CommandFile } from '../command.ts';
import { Exit, exitCodes } from '../exit.ts';
import { type SendmailOptions, sendmailOptions } from '../sendmail-options.ts';
import { submitBySmtp } from '../submit-by-smtp.ts';
import { checkAliases } from './newaliases.ts';
import { printQueue, withQueue } from './queue.ts';

/** What everyone's `mail` command runs. The message is left in the maildrop, durably; the server takes it from there, now or when it is started. */
export const sendmail: CommandFile = (program, cli) => {
  program
    .command('sendmail [words...]')
    .description('send a message from standard input: -t -i -f ADDRESS -F NAME RECIPIENT…; -bp, -bi, -q')
    .helpOption(false)
    .action(async (words: string[]) => {
      const options = sendmailOptions(words);
      if (options.mode === 'mailq') {
        printQueue(cli);
      } else if (options.mode === 'flush') withQueue(cli, 0, (engine) => engine.commit(() => engine.flush(null)));
      else if (options.mode === 'send') await send(cli, options);
      else if (options.mode === 'newaliases') checkAliases(cli);
      else throw new Exit(exitCodes.usage, 'sendmail: -bs and -bv are not supported: connect to the SMTP port');
    });
};

async function send(cli: Cli, options: SendmailOptions): Promise<void> {
  const { config } = cli.config();
  const input = await cli.stdin(config['mail.message_size_limit'] + 1_000_000);
  const { header, body, fields } = readMessage(input, options.ignoreDots);
  const to = options.recipients.flatMap((word) => qualified(word, config.hostname));
  if (options.fromHeader) {
    const named = fields.filter(({ key }) => key === 'to' || key === 'cc' || key === 'bcc');
    for (const field of named) to.push(...qualified(unfold(header.slice(field.value, field.end)), config.hostname));
  }
  if (to.length === 0) throw new Exit(exitCodes.usage, 'sendmail: no recipients');
  const from = senderOf(options, config.hostname);
  const kept = fields.filter(({ key }) => !(options.fromHeader && key === 'bcc')).map(({ start, end }) => header.slice(start, end));
  if (!fields.some(({ key }) => key === 'from'))
    kept.push(fromField(from === '' ? `MAILER-DAEMON@${config.hostname}` : from, options.fullName));
  const text = Buffer.concat([Buffer.from(kept.join(''), 'latin1'), Buffer.from('\n'), body]);
  if (text.length > config['mail.message_size_limit']) throw new Exit(exitCodes.data, 'sendmail: message too big');

  const eightBit = /[\x80-\xff]/.test(text.toString('latin1'));
  const international = /[^\x00-\x7f]/.test([from, ...to, header].join());
  const notify = notifyOf(options.notify);
  const head = {
    from,
    to: [...new Set(to)],
    ...(eightBit && { body: '8bitmime' as const }),
    ...(international && { smtputf8: true }),
    ...(notify !== undefined && { notify }),
    ...(/^full$/i.test(options.ret ?? '') && { ret: 'full' as const }),
    ...(/^hdrs$/i.test(options.ret ?? '') && { ret: 'hdrs' as const }),
    ...(options.envid !== undefined && { envid: options.envid }),
  };
  const dir = join(config.data_dir, 'maildrop');
  try {
    makeMaildrop(dir);
    dropMail(dir, formatDropped(head, text));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    const listener = config['listen.smtp'][0];
    if ((code === 'EACCES' || code === 'EPERM') && listener !== undefined) {
      const parameters = `${eightBit ? ' BODY=8BITMIME' : ''}${international ? ' SMTPUTF8' : ''}`;
      await submitBySmtp(listener, config.hostname, from, head.to, text, parameters);
      return;
    }
    throw new Exit(code === 'ENOSPC' ? exitCodes.cannotCreate : exitCodes.tryAgain, `sendmail: ${(error as Error).message}`);
  }
}

/** Line ends made LF, an mbox line in front dropped, the empty line put in where there is none. */
function readMessage(input: Buffer, ignoreDots: boolean): { header: string; body: Buffer; fields: HeaderField[] } {
  const lines = new LfWriter();
  let bytes = Buffer.concat([lines.write(input), lines.end()]);
  if (bytes.subarray(0, 5).toString('latin1') === 'From ') bytes = bytes.subarray(bytes.indexOf(10) + 1);
  if (!ignoreDots) {
    const dot = bytes.subarray(0, 2).toString('latin1') === '.\n' ? -1 : bytes.indexOf('\n.\n');
    if (dot >= 0) bytes = bytes.subarray(0, dot + 1);
    else if (bytes.subarray(0, 2).toString('latin1') === '.\n') bytes = bytes.subarray(0, 0);
  }
  const guard = new HeaderGuard();
  const whole = Buffer.concat([...guard.write(bytes), ...guard.end()]);
  const empty = whole[0] === 10 ? 0 : whole.indexOf('\n\n') + 1;
  const end = empty === 0 && whole[0] !== 10 ? whole.length : empty;
  const head = whole.toString('latin1', 0, end);
  const header = head === '' || head.endsWith('\n') ? head : `${head}\n`;
  return { header, body: whole.subarray(end + 1), fields: splitHeader(header) };
}

/** Addresses of a list; a user alone is one of this host. @throws Exit 64 */
function qualified(list: string, hostname: string): string[] {
  const entries = addressList(Buffer.from(list, 'utf8').toString('latin1'));
  const texts = entries.flatMap(({ mailbox, domain }) => {
    if (mailbox === null || mailbox === 'MISSING_MAILBOX' || mailbox === 'SYNTAX_ERROR' || (domain === null && entries.length > 1))
      return [];
    const local = Buffer.from(mailbox, 'latin1').toString('utf8');
    const host =
      domain === null || domain === 'MISSING_DOMAIN' || domain === 'SYNTAX_ERROR'
        ? hostname
        : Buffer.from(domain, 'latin1').toString('utf8');
    return [`${local}@${host}`];
  });
  const direct = splitAddress(list.trim());
  if (texts.length > 0) return texts;
  if (/^[^\s@<>",;:]+$/.test(list.trim())) return [`${list.trim()}@${hostname}`];
  return direct === null ? [] : [list.trim()];
}

function senderOf({ sender }: SendmailOptions, hostname: string): string {
  if (sender === undefined) return `${userInfo().username}@${hostname}`;
  if (sender === '' || sender === '<>') return '';
  const [address] = qualified(sender, hostname);
  if (address === undefined) throw new Exit(exitCodes.usage, `sendmail: no address: ${sender}`);
  return address;
}

function fromField(address: string, fullName: string | undefined): string {
  if (fullName === undefined || fullName === '') return `From: ${address}\n`;
  const plain = /^[\x20-\x7e]*$/.test(fullName);
  const name = plain ? `"${fullName.replace(/["\\]/g, '\\$&')}"` : encodeWords(fullName).replaceAll('\r\n', '\n');
  return `From: ${name} <${address}>\n`;
}

function notifyOf(text: string | undefined): DsnNotify | undefined {
  if (text === undefined) return undefined;
  const words = text.toLowerCase().split(',');
  if (words.length === 1 && words[0] === 'never') return 'never';
  const known = ['success', 'failure', 'delay'] as const;
  if (words.length > 0 && words.every((word) => (known as readonly string[]).includes(word)))
    return known.filter((word) => words.includes(word));
  throw new Exit(exitCodes.usage, `sendmail: -N ${text}`);
}
