import { commands } from './commands/index.ts';
import { fetchItemRows } from './items/index.ts';
import type { Session } from './session.ts';

/** What the session as such can do, beside what commands and items bring. */
const features = ['IMAP4rev1', 'IMAP4rev2', 'SASL-IR', 'LITERAL+', 'SPECIAL-USE', 'CHILDREN', 'INPROGRESS'];

/** Said before login: no more than a client needs to get there. */
const beforeLogin = ['IMAP4rev1', 'IMAP4rev2', 'SASL-IR', 'LITERAL-', 'ID', 'ENABLE', 'IDLE'];

/** The CAPABILITY line's words, from the registries. RFC 9051 6.1.1 */
export function capabilityList(session: Session): string {
  const { connection, deps, authContext } = session;
  if (session.mail === null) {
    const mechanisms = deps.authenticator.mechanisms(authContext).map((name) => `AUTH=${name}`);
    const words = [...beforeLogin];
    if (connection.canStartTls) words.push('STARTTLS');
    if (!deps.authenticator.allowsPlaintext(authContext)) words.push('LOGINDISABLED');
    return [...words, ...mechanisms].join(' ');
  }
  const words = new Set(features);
  for (const row of [...commands.values(), ...fetchItemRows]) for (const word of row.capabilities ?? []) words.add(word);
  return [...words].map((word) => (word === 'APPENDLIMIT' ? `APPENDLIMIT=${session.settings.messageSizeLimit}` : word)).join(' ');
}
