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

/** CAP_NET_BIND_SERVICE: binds ports below 1024, nothing else. */
const bindPorts = 1n << 10n;

/** Capabilities that a process has, may take up or hands on; 0 where the system does not tell. capabilities(7) */
export function capabilitiesOf(status: string): bigint {
  const sets = [...status.matchAll(/^Cap(?:Prm|Eff|Amb):\s*([0-9a-f]+)$/gm)].map(([, hex]) => BigInt(`0x${hex}`));
  return sets.reduce((all, set) => all | set, 0n);
}

const ownCapabilities = (): bigint => (existsSync('/proc/self/status') ? capabilitiesOf(readFileSync('/proc/self/status', 'utf8')) : 0n);

/**
 * Before a worker serves anyone: it is who `run_as` says and may do nothing that others may not, but for ports that systemd let it have.
 * @throws StartFailure 77
 */
export function assertConfined(identity: Identity, held = ownCapabilities()): void {
  const wrong = process.getuid!() !== identity.uid || process.geteuid!() !== identity.uid;
  if (!wrong && (held & ~bindPorts) === 0n) return;
  const what = wrong ? 'a worker runs as somebody else' : `a worker holds capabilities (${held.toString(16)})`;
  throw failureOf(startExit.notPermitted, 'run_as', null, `${what}; refusing to serve`);
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
  if (ownCapabilities() !== 0n) throw new Error('run_as: capabilities of the start are still held');
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
