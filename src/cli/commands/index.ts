import type { CommandFile } from '../command.ts';
import { alias } from './alias.ts';
import { auth } from './auth.ts';
import { config } from './config.ts';
import { dkim } from './dkim.ts';
import { dns } from './dns.ts';
import { domain } from './domain.ts';
import { indexAccount } from './index-account.ts';
import { lookup } from './lookup.ts';
import { mailq } from './mailq.ts';
import { newaliases } from './newaliases.ts';
import { pw } from './pw.ts';
import { queue } from './queue.ts';
import { relayTest } from './relay-test.ts';
import { sendmail } from './sendmail.ts';
import { trace } from './trace.ts';
import { user } from './user.ts';

export const commands: readonly CommandFile[] = [
  config,
  queue,
  mailq,
  newaliases,
  alias,
  auth,
  domain,
  indexAccount,
  lookup,
  pw,
  relayTest,
  user,
  sendmail,
  dkim,
  dns,
  trace,
];
