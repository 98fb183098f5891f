import type { SmtpCommand } from '../command.ts';
import { auth } from './auth.ts';
import { bdat } from './bdat.ts';
import { data } from './data.ts';
import { ehlo, helo, lhlo } from './helo.ts';
import { help } from './help.ts';
import { mail } from './mail.ts';
import { rcpt } from './rcpt.ts';
import { etrn, expn, noop, quit, rset, starttls, vrfy } from './simple.ts';
import { xclient } from './xclient.ts';

const told: readonly SmtpCommand[] = [helo, ehlo, lhlo, mail, rcpt, data, bdat, rset, noop, vrfy, expn, etrn, starttls, auth, quit];

export const commands: ReadonlyMap<string, SmtpCommand> = new Map(
  [...told, help(told.map(({ verb }) => verb)), xclient].map((command) => [command.verb, command]),
);
