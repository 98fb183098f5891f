import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createAuthenticator } from '../auth/create.ts';
import { systemClock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { bugs } from '../base/metrics.ts';
import { createDelivery } from '../delivery/accept.ts';
import type { Delivery } from '../delivery/delivery.ts';
import { openDirectory } from '../directory/open.ts';
import { imapService } from '../imap/service.ts';
import type { Connection } from '../net/connection.ts';
import type { LimitReached } from '../net/connection-limits.ts';
import { createDns } from '../net/dns-resolver.ts';
import { pop3Service } from '../pop3/service.ts';
import { TraceLog } from '../queue/trace-log.ts';
import { CallAhead } from '../relay/call-ahead.ts';
import { smtpService } from '../smtp/service.ts';
import { openStore } from '../store/open-store.ts';
import type { Bus } from './bus.ts';
import { sharedFeed } from './change-feed.ts';
import type { Config } from './config/settings.ts';
import { withSrs } from './forwarding.ts';
import { localAliases } from './local-aliases.ts';
import { startPickup } from './local-submission.ts';
import { meteredAuthenticator, meteredDelivery, sessions } from './metered.ts';
import { startOutbound } from './outbound.ts';
import { type RelayDomains, relayDomains, withRelayDomains } from './relay-domains.ts';
import {
  authSlice,
  callAheadSlice,
  directorySlice,
  dnsSlice,
  imapSlice,
  localAliasSlice,
  pop3Slice,
  relaySlice,
  smtpSlice,
  stagingDir,
  storeSlice,
} from './slices.ts';
import type { ListenerName } from './sockets.ts';
import { throttleChannel } from './throttle-channel.ts';

/** The sessions of one protocol. */
interface Service {
  close(deadlineMs: number): Promise<void>;
}

/** All rooms of one process, put together. */
export interface Rooms {
  handle(name: ListenerName, connection: Connection): Promise<void>;
  /** What a client that is one too many is told. */
  refusal(name: ListenerName, limit: LimitReached): string;
  /** Whether a domain's mailboxes are here. */
  serves(domain: string): Promise<boolean>;
  /** New sessions get the new settings, open ones keep theirs. */
  replace(config: Config): void;
  close(deadlineMs: number): Promise<void>;
}

export interface RoomDeps {
  readonly bus: Bus;
  readonly log: Log;
  /** Number of this process among those that serve, from 1. */
  readonly worker: number;
}

/** The one place where implementations meet. */
export function wireRooms(config: Config, { bus, log: plainLog, worker }: RoomDeps): Rooms {
  const clock = systemClock;
  const trace = new TraceLog(clock);
  const log = trace.wrap(plainLog);
  mkdirSync(stagingDir(config), { recursive: true, mode: 0o700 });
  clearStaging(stagingDir(config));
  const accounts = openDirectory(directorySlice(config), log);
  const srs = { secret: accounts.secret('srs'), now: () => clock.now() };
  const dns = createDns(dnsSlice(config), clock);
  const relayedOf = (now: Config): RelayDomains => {
    const ahead = now['relay.verify_recipients']
      ? new CallAhead(relaySlice(now), callAheadSlice(now), { dns, log, now: () => clock.now() })
      : null;
    return relayDomains(now['relay.domains'], now['relay.recipients'], {
      callAhead: ahead && ((address) => ahead.ask(address)),
      undecided: now['relay.verify_undecided'],
    });
  };
  let relayed = relayedOf(config);
  let localNames = localAliasSlice(config);
  const aliases = localAliases({ hostname: config.hostname, settings: () => localNames, log });
  const directory = withSrs(aliases.over(withRelayDomains(accounts, () => relayed)), srs);
  const store = openStore(storeSlice(config, worker), { log, feed: sharedFeed(bus), eager: true });
  const outbound = startOutbound(config, { clock, log, dns, directory, store, srs, aliases });
  const { queue } = outbound;
  trace.attach(outbound.queue.thread);
  const authenticator = meteredAuthenticator(
    createAuthenticator(authSlice(config), { directory, log, clock, channel: throttleChannel(bus), secret: directory.secret('auth') }),
  );
  const onBug = (room: string) => (): void => bugs.add(1, room);

  const deliveryOf = (now: Config): Delivery => {
    const parts = { directory, store, queue, clock, log, hostname: now.hostname, hopcountLimit: now['smtp.hopcount_limit'] };
    return meteredDelivery(createDelivery(parts));
  };
  let delivery = deliveryOf(config);
  const build = (now: Config) => ({
    smtp: smtpService(smtpSlice(now), { directory, authenticator, delivery, queue, dns, clock, log }),
    imap: imapService(imapSlice(now), { store, directory, sharing: directory.sharing, authenticator, log, clock, onBug: onBug('imap') }),
    pop3: pop3Service(pop3Slice(now), { store, authenticator, log }),
  });
  let services = build(config);
  const pickup = startPickup(config, { delivery: () => delivery, queue, log });
  /** Of configurations before: they serve their last sessions. */
  const former: Service[] = [];

  const handlers: Record<Exclude<ListenerName, 'http'>, (connection: Connection) => Promise<void>> = {
    smtp: (connection) => services.smtp.handle(connection, 'mta'),
    submission: (connection) => services.smtp.handle(connection, 'msa'),
    submissions: (connection) => services.smtp.handle(connection, 'msa'),
    lmtp: (connection) => services.smtp.handle(connection, 'lmtp'),
    imap: (connection) => services.imap.handle(connection),
    imaps: (connection) => services.imap.handle(connection),
    pop3: (connection) => services.pop3.handle(connection),
    pop3s: (connection) => services.pop3.handle(connection),
  };

  return {
    handle(name, connection) {
      sessions.add(1, name);
      return handlers[name as keyof typeof handlers](connection);
    },
    refusal: (name) => refusals[name] ?? '',
    serves: async (domain) => (await accounts.domain(domain)) !== null,
    replace(next) {
      outbound.replace(next);
      localNames = localAliasSlice(next);
      relayed = relayedOf(next);
      former.push(...Object.values(services));
      delivery = deliveryOf(next);
      services = build(next);
    },
    async close(deadlineMs) {
      await Promise.all([...Object.values(services), ...former, pickup, outbound].map((service) => service.close(deadlineMs)));
      await authenticator.close();
      await trace.close();
      await queue.close();
      await store.close();
      directory.close();
    },
  };
}

const refusals: Partial<Record<ListenerName, string>> = {
  smtp: '421 4.7.0 Too many connections\r\n',
  submission: '421 4.7.0 Too many connections\r\n',
  lmtp: '421 4.7.0 Too many connections\r\n',
  imap: '* BYE [LIMIT] Too many connections\r\n',
  pop3: '-ERR [SYS/TEMP] Too many connections\r\n',
};

/** What processes that are gone left in the waiting room: `staging.PID.…`. */
function clearStaging(dir: string): void {
  for (const name of readdirSync(dir)) {
    const pid = Number(/^staging\.(\d+)\./.exec(name)?.[1]);
    if (Number.isInteger(pid) && !isAlive(pid)) rmSync(join(dir, name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return pid !== process.pid;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
