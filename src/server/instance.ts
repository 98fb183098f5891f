import type { BoundSocket } from 'node:net';
import type { Log } from '../base/log.ts';
import type { MetricSample } from '../base/metrics.ts';
import { type ConnectionLimitSettings, ConnectionLimits } from '../net/connection-limits.ts';
import { type Listener, listen } from '../net/listener.ts';
import { isLoopback, networks } from '../net/networks.ts';
import { TlsContexts, type TlsSettings } from '../net/tls.ts';
import { clientPorts } from './autoconfig.ts';
import type { Bus } from './bus.ts';
import type { Config } from './config/settings.ts';
import { descriptorRoom } from './descriptors.ts';
import { httpListener } from './http.ts';
import { registerProcessMetrics } from './process-metrics.ts';
import { type ListenerInfo, listenerKinds } from './sockets.ts';
import { wireRooms } from './wire.ts';

export interface InstanceOptions {
  readonly config: Config;
  readonly tls: TlsSettings;
  /** 48 octets, the same in all workers. */
  readonly ticketKeys: Buffer;
  readonly listeners: readonly (ListenerInfo & { readonly fd?: number; readonly socket?: BoundSocket })[];
  readonly bus: Bus;
  readonly log: Log;
  /** Number of this process among those that serve, from 1. */
  readonly worker: number;
  readonly samples: () => Promise<readonly MetricSample[]>;
}

/** The server as one process runs it: every listener, every room. */
export interface Instance {
  reload(config: Config, tls: TlsSettings): void;
  /** No new connections; sessions end what they were doing, the rest is cut off at the deadline. Idempotent. */
  stop(deadlineMs: number): Promise<void>;
}

/** Resolves when every listener accepts. */
export async function startInstance({ config, tls, ticketKeys, listeners, bus, log, worker, samples }: InstanceOptions): Promise<Instance> {
  const contexts = new TlsContexts(tls, ticketKeys);
  const limits = new ConnectionLimits(limitsOf(config));
  const rooms = wireRooms(config, { bus, log, worker });
  const proxyFrom = networks(config['listen.haproxy_trusted_networks']);
  registerProcessMetrics(() => limits.total);

  let stopping: Promise<void> | null = null;
  const open: (Listener | { close(): Promise<void> })[] = [];
  try {
    for (const { name, host, port, fd, socket } of listeners) {
      const place = { ...(fd === undefined ? {} : { fd }), ...(socket === undefined ? {} : { socket }) };
      if (name === 'http') {
        const serves = (domain: string): Promise<boolean> => rooms.serves(domain);
        const ports = clientPorts(listeners, true);
        open.push(await httpListener(place, { samples, healthy: () => stopping === null, hostname: config.hostname, ports, serves, log }));
        continue;
      }
      const settings = { name, host, port, tls: listenerKinds[name].tls, backlog: config['listen.backlog'], ...place };
      open.push(
        await listen(settings, {
          tls: contexts,
          limits,
          proxyFrom,
          onConnection: (connection) => rooms.handle(name, connection),
          refusal: (limit) => rooms.refusal(name, limit),
          log,
        }),
      );
    }
  } catch (error) {
    await Promise.all(open.map((listener) => listener.close()));
    await rooms.close(0);
    throw error;
  }

  return {
    reload(next, nextTls) {
      // Certificates first: a pair that does not fit throws and leaves everything as it was.
      contexts.replace(nextTls);
      limits.replace(limitsOf(next));
      rooms.replace(next);
    },
    stop(deadlineMs) {
      stopping ??= (async () => {
        await Promise.all(open.map((listener) => listener.close()));
        await rooms.close(deadlineMs);
      })();
      return stopping;
    },
  };
}

function limitsOf(config: Config): ConnectionLimitSettings {
  const trusted = networks(config['smtp.mynetworks']);
  return {
    total: Math.min(config['limits.client_limit'], descriptorRoom().connections),
    perAddress: config['limits.client_connection_count_limit'],
    exempt: (address) => isLoopback(address) || trusted.includes(address),
  };
}
