import net, { type AddressInfo } from 'node:net';
import type { Config, SettingName } from './config/settings.ts';
import { type HostPort, parseHostPort } from './config/types.ts';
import { exitOfErrno, failureOf } from './failure.ts';

/** What is spoken where. Roles are data; nobody asks for a port number. */
export const listenerKinds = {
  smtp: { tls: 'starttls' },
  submission: { tls: 'starttls' },
  submissions: { tls: 'implicit' },
  imap: { tls: 'starttls' },
  imaps: { tls: 'implicit' },
  pop3: { tls: 'starttls' },
  pop3s: { tls: 'implicit' },
  lmtp: { tls: 'starttls' },
  http: { tls: 'none' },
} as const;

export type ListenerName = keyof typeof listenerKinds;

/** As in the ready line. */
export interface ListenerInfo {
  readonly name: ListenerName;
  readonly host: string;
  readonly port: number;
}

/** A port that is ours but where nobody listens yet. The primary holds it, so that it stays ours while a worker is replaced. */
export interface BoundListener extends ListenerInfo {
  /** One a worker (SO_REUSEPORT: the kernel spreads connections), or one for all where the system cannot. */
  readonly sockets: readonly net.BoundSocket[];
}

/**
 * Binds everything the configuration names, while we may. Port 0 takes any free one.
 * @throws StartFailure 77 (port under 1024 without the right), 69 (port taken, address not ours)
 */
export function bindListeners(config: Config, where: (name: SettingName) => string | null, workers = 1): BoundListener[] {
  const bound: BoundListener[] = [];
  try {
    for (const name of Object.keys(listenerKinds) as ListenerName[]) {
      for (const place of config[`listen.${name}`]) bound.push(bindOne(name, parseHostPort(place), where, workers));
    }
  } catch (error) {
    closeListeners(bound);
    throw error;
  }
  return bound;
}

export function closeListeners(bound: readonly BoundListener[]): void {
  for (const socket of bound.flatMap(({ sockets }) => sockets)) {
    try {
      socket.close();
    } catch {
      // Adopted by a server, which closes it.
    }
  }
}

function bindOne(
  name: ListenerName,
  { host, port }: HostPort,
  where: (name: SettingName) => string | null,
  workers: number,
): BoundListener {
  const setting = `listen.${name}` as const;
  const attempts = host === '*' ? ['::', '0.0.0.0'] : [host];
  for (const [i, address] of attempts.entries()) {
    try {
      return { name, ...bindShared(address, port, workers) };
    } catch (error) {
      const { code = 'error' } = error as NodeJS.ErrnoException;
      // No IPv6 on this machine.
      if (i + 1 < attempts.length && ['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL'].includes(code)) continue;
      const what =
        {
          EACCES: `may not bind ${host}:${port}; start as root with run_as, give CAP_NET_BIND_SERVICE, or choose a port over 1023`,
          EADDRINUSE: `${host}:${port} is taken by another program; stop it or choose another port`,
          EADDRNOTAVAIL: `${host} is no address of this machine; use one that is, or "*"`,
        }[code] ?? `cannot bind ${host}:${port}: ${code}`;
      throw failureOf(exitOfErrno(error), setting, where(setting), what);
    }
  }
  throw new Error('unreachable');
}

/** A socket a worker on one port. The first is bound alone, so that a port which another program shares counts as taken. */
function bindShared(host: string, port: number, workers: number): Omit<BoundListener, 'name'> {
  const alone = new net.BoundSocket({ host, port });
  const found = alone.address() as AddressInfo;
  const place = { host: found.address, port: found.port };
  if (workers === 1) return { ...place, sockets: [alone] };
  alone.close();
  try {
    return { ...place, sockets: Array.from({ length: workers }, () => new net.BoundSocket({ host, port: place.port, reusePort: true })) };
  } catch (error) {
    if (!['ENOTSUP', 'EINVAL', 'ENOPROTOOPT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    return { ...place, sockets: [new net.BoundSocket({ host, port: place.port })] };
  }
}
