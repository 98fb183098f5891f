import { chownSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { failureOf, startExit } from './failure.ts';

/** Whom to become. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups of the user, its own included. */
  readonly groups: readonly number[];
}

/**
 * Looks up `user:group`, names or numbers; the group defaults to the user's own.
 * @throws StartFailure 78 where there is no such user or group
 */
export function identityOf(runAs: string, where: string | null, read = (file: string) => readFileSync(file, 'utf8')): Identity {
  const [user = '', group] = runAs.split(':');
  const rows = (file: string): string[][] => (existsSync(file) ? read(file).split('\n') : []).map((line) => line.split(':'));
  const users = rows('/etc/passwd');
  const groups = rows('/etc/group');
  const account = users.find(([name, , id]) => name === user || id === user);
  const uid = account === undefined ? (/^\d+$/.test(user) ? Number(user) : undefined) : Number(account[2]);
  if (uid === undefined)
    throw failureOf(startExit.configuration, 'run_as', where, `no user "${user}"; make it (useradd --system ${user}) or use a number`);
  const wanted = group ?? account?.[3] ?? String(uid);
  const entry = groups.find(([name, , id]) => name === wanted || id === wanted);
  const gid = entry === undefined ? (/^\d+$/.test(wanted) ? Number(wanted) : undefined) : Number(entry[2]);
  if (gid === undefined)
    throw failureOf(
      startExit.configuration,
      'run_as',
      where,
      `no group "${wanted}"; make it (groupadd --system ${wanted}) or use a number`,
    );
  if (uid === 0) throw failureOf(startExit.configuration, 'run_as', where, 'wants a user other than root');
  const member = groups
    .filter(([, , , members = '']) => account !== undefined && members.split(',').includes(account[0]!))
    .map(([, , id]) => Number(id));
  return { uid, gid, groups: [...new Set([gid, ...member.filter((id) => id !== 0)])] };
}

/** Gives up root for good, and makes sure of it. @throws when anything of it is left */
export function become({ uid, gid, groups }: Identity): void {
  process.setgroups!([...groups]);
  process.setgid!(gid);
  process.setuid!(uid);
  assertDropped({ uid, gid, groups });
}

/** No identity of root's is left and none can be had back. */
export function assertDropped({ uid, gid, groups }: Identity): void {
  const held = process.getgroups!();
  if (
    process.getuid!() !== uid ||
    process.geteuid!() !== uid ||
    process.getgid!() !== gid ||
    process.getegid!() !== gid ||
    held.some((id) => !groups.includes(id))
  ) {
    throw new Error('run_as: identities of the start are still held');
  }
  if (uid === 0) return;
  let back = true;
  try {
    process.setuid!(0);
  } catch {
    back = false;
  }
  if (back) throw new Error('run_as: root could be had back');
}

/** Makes a folder (0700) for the identity, parents included. */
export function ownFolder(path: string, identity: Identity | null): void {
  const first = mkdirSync(path, { recursive: true, mode: 0o700 });
  if (identity !== null && (first !== undefined || process.getuid!() === 0)) chownSync(path, identity.uid, identity.gid);
}
