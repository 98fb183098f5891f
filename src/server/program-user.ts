import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { ProgramUser } from '../delivery/program-transport.ts';

export interface ProgramUserSettings {
  /** `/etc/aliases`. */
  readonly file: string;
  readonly commandsAs: 'recipient' | 'server';
  /** Where a name is no user of the system. */
  readonly commandUser: string;
}

export interface ProgramUserDeps {
  readonly settings: () => ProgramUserSettings;
  /** Whom this process runs as; root may become others. */
  readonly uid: number;
  readonly passwd?: () => string;
}

/**
 * Whom a command or file of the aliases file is run or written as, never root (docs/decisions/0020): the user of the system that
 * the name is, else `command_user`; whoever owns the aliases file where that is not root, because its lines are that user's.
 *
 * @returns null: as this process; a text: why not at all
 */
export function programUser({ settings, uid: own, passwd = readPasswd }: ProgramUserDeps) {
  return async (names: readonly string[]): Promise<ProgramUser | string | null> => {
    const { file, commandsAs, commandUser } = settings();
    if (commandsAs === 'server') return own === 0 ? 'Commands and files need a server that does not run as root: run_as' : null;
    const users = usersOf(passwd());
    const named = names.map((name) => users.get(name)).find((user) => user !== undefined && user.uid !== 0);
    if (own !== 0) {
      if (named === undefined || named.uid === own) return null;
      return `Commands and files of ${named.name} need a server that may become that user`;
    }
    const { uid: owner, mode } = await stat(file);
    if ((mode & 0o022) !== 0) return `${file} may be written by others`;
    const wanted = owner !== 0 ? [...users.values()].find(({ uid }) => uid === owner) : (named ?? users.get(commandUser));
    if (wanted === undefined) return owner === 0 ? `no user ${commandUser}: local.command_user` : `${file} belongs to nobody`;
    return wanted.uid === 0 ? 'Commands and files are not run as root: local.command_user' : wanted;
  };
}

function usersOf(text: string): ReadonlyMap<string, ProgramUser> {
  const rows = text.split('\n').map((line) => line.split(':'));
  return new Map(
    rows.flatMap(([name = '', , uid = '', gid = '', , home = '/']) =>
      name !== '' && /^\d+$/.test(uid) && /^\d+$/.test(gid) ? [[name, { name, uid: Number(uid), gid: Number(gid), home }] as const] : [],
    ),
  );
}

function readPasswd(): string {
  return readFileSync('/etc/passwd', 'utf8');
}
