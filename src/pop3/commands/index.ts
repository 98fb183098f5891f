import type { Pop3Command } from '../command.ts';
import { auth } from './auth.ts';
import { capa } from './capa.ts';
import { dele } from './dele.ts';
import { lang } from './lang.ts';
import { list } from './list.ts';
import { noop } from './noop.ts';
import { pass } from './pass.ts';
import { quit } from './quit.ts';
import { retr } from './retr.ts';
import { rset } from './rset.ts';
import { stat } from './stat.ts';
import { stls } from './stls.ts';
import { top } from './top.ts';
import { uidl } from './uidl.ts';
import { user } from './user.ts';
import { utf8 } from './utf8.ts';

/** In the order in which CAPA names what they can. */
export const commands: readonly Pop3Command[] = [
  capa,
  top,
  uidl,
  user,
  pass,
  auth,
  stls,
  utf8,
  lang,
  stat,
  list,
  retr,
  dele,
  rset,
  noop,
  quit,
];

const byName = new Map(commands.map((command) => [command.name, command]));

export function commandNamed(keyword: string): Pop3Command | undefined {
  return byName.get(keyword);
}

/** What holds of all commands. RFC 2449 6, RFC 3206 4 */
export const generalCapabilities: readonly string[] = ['RESP-CODES', 'AUTH-RESP-CODE', 'PIPELINING', 'EXPIRE NEVER', 'LOGIN-DELAY 0'];
