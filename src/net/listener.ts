import { type AddressInfo, type BoundSocket, createServer, type Server, type Socket } from 'node:net';
import type { Log } from '../base/log.ts';
import { Fault } from '../mail/fault.ts';
import { Connection } from './connection.ts';
import type { ConnectionLimits, LimitReached } from './connection-limits.ts';
import { type Networks, noNetworks, normalAddress } from './networks.ts';
import { readProxyHeader } from './proxy-protocol.ts';
import type { TlsContexts } from './tls.ts';

export interface ListenerSettings {
  /** `imaps`; in logs and in the ready line. */
  readonly name: string;
  /** An address, `*` for all of both families. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly tls: 'none' | 'starttls' | 'implicit';
  /** Connections that wait to be accepted. */
  readonly backlog?: number;
  /** A bound descriptor that was inherited, shared with the other workers: port and host are then only its name. */
  readonly fd?: number;
  /** A bound socket of this process, adopted here. */
  readonly socket?: BoundSocket;
}

export interface ListenerDeps {
  /** null: no TLS, whatever the listener's settings say. */
  readonly tls: TlsContexts | null;
  readonly limits: ConnectionLimits;
  /** Networks whose connections start with a PROXY header. */
  readonly proxyFrom?: Networks;
  /** The connection is the session's from here on; under implicit TLS the handshake is done. */
  readonly onConnection: (connection: Connection) => void | Promise<void>;
  /** What a client that is one too many is told, where no TLS is in the way: `421 4.7.0 …\r\n`. */
  readonly refusal?: (limit: LimitReached) => string;
  readonly log: Log;
  /** Milliseconds. */
  readonly handshakeTimeout?: number;
  readonly proxyTimeout?: number;
}

export interface Listener {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** No new connections; those that are open stay. */
  close(): Promise<void>;
}

/** Accepts connections. In a worker of node:cluster the socket is shared with the others. @throws the system's error (EADDRINUSE, EACCES) */
export async function listen(settings: ListenerSettings, deps: ListenerDeps): Promise<Listener> {
  const server = createServer({
    allowHalfOpen: true,
    pauseOnConnect: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 120_000,
  });
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    accept(socket, settings, deps).catch((error: unknown) => {
      socket.destroy();
      deps.log.error({ listener: settings.name, err: error }, 'connection failed');
    });
  });
  await bind(server, settings);
  server.on('error', (error) => deps.log.error({ listener: settings.name, err: error }, 'listener failed'));
  const { port } = server.address() as AddressInfo;
  return {
    name: settings.name,
    host: settings.host,
    port,
    close: () =>
      new Promise((resolve) => {
        // Resolves at once: node would wait for the sessions.
        server.close();
        resolve();
      }),
  };
}

function bind(server: Server, { host, port, backlog = 1024, fd, socket }: ListenerSettings): Promise<void> {
  const address = host.replace(/^\[(.*)\]$/, '$1');
  const named = { port, ...(address === '*' || address === '' ? {} : { host: address }) };
  // Not through the cluster's primary: every worker accepts on the descriptor itself.
  const where = socket !== undefined ? { handle: socket } : fd !== undefined ? { fd, exclusive: true } : named;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...where, backlog }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function accept(socket: Socket, settings: ListenerSettings, deps: ListenerDeps): Promise<void> {
  const { limits, log } = deps;
  socket.on('error', () => {});
  const peer = socket.remoteAddress;
  if (peer === undefined) {
    // Gone again before it was accepted.
    socket.destroy();
    return;
  }

  let remote = { address: normalAddress(peer), port: socket.remotePort ?? 0 };
  let local = { address: normalAddress(socket.localAddress ?? ''), port: socket.localPort ?? 0 };
  if ((deps.proxyFrom ?? noNetworks).includes(peer)) {
    try {
      const header = await readProxyHeader(socket, deps.proxyTimeout ?? 5_000);
      remote = header.source ?? remote;
      local = header.destination ?? local;
    } catch (error) {
      socket.destroy();
      log.info({ listener: settings.name, address: remote.address, reason: (error as Fault).detail }, 'PROXY header refused');
      return;
    }
  }

  const address = normalAddress(remote.address);
  const reached = limits.enter(address);
  if (reached !== null) {
    log.info({ listener: settings.name, address, limit: reached }, 'too many connections');
    refuse(socket, settings.tls === 'implicit' ? '' : (deps.refusal?.(reached) ?? ''));
    return;
  }

  const { handshakeTimeout } = deps;
  const connection = new Connection(socket, {
    tls: settings.tls === 'none' ? null : deps.tls,
    log,
    remote,
    local,
    ...(handshakeTimeout === undefined ? {} : { handshakeTimeout }),
  });
  void connection.closed.then(() => limits.leave(address));
  if (settings.tls === 'implicit') {
    try {
      await connection.implicitTls();
    } catch (error) {
      connection.destroy();
      if (!(error instanceof Fault)) throw error;
      log.info({ listener: settings.name, session: connection.id, address, reason: error.detail }, 'TLS handshake failed');
      return;
    }
  }
  try {
    await deps.onConnection(connection);
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

/** Says why and closes, without keeping the socket for a client that does not listen. */
function refuse(socket: Socket, text: string): void {
  socket.end(text);
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), 1_000);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
}
