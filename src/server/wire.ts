import { join } from 'node:path';
import type { Log } from '../base/log.ts';
import { openDirectory } from '../directory/open.ts';
import type { Connection } from '../net/connection.ts';
import type { LimitReached } from '../net/connection-limits.ts';
import type { Bus } from './bus.ts';
import { sharedFeed } from './change-feed.ts';
import type { Config } from './config/settings.ts';
import type { ListenerName } from './sockets.ts';

/** A protocol's sessions. */
interface Service {
  handle(connection: Connection): Promise<void>;
  close(deadlineMs: number): Promise<void>;
}

type Services = Partial<Record<ListenerName, Service>>;

/** All rooms of one process, put together. */
export interface Rooms {
  handle(name: ListenerName, connection: Connection): Promise<void>;
  /** What a client that is one too many is told. */
  refusal(name: ListenerName, limit: LimitReached): string;
  /** New sessions get the new settings, open ones keep theirs. */
  replace(config: Config): void;
  close(deadlineMs: number): Promise<void>;
}

export interface RoomDeps {
  readonly bus: Bus;
  readonly log: Log;
}

/** The one place where implementations meet. */
export async function wireRooms(config: Config, { bus, log }: RoomDeps): Promise<Rooms> {
  const directory = openDirectory(
    {
      file: join(config.data_dir, 'directory.sqlite'),
      home: config['mail.home'],
      quota: config['mail.quota'],
      recipientDelimiter: config['mail.recipient_delimiter'],
    },
    log,
  );
  const feed = sharedFeed(bus);
  void feed;

  const build = (_: Config): Services => ({});
  let services = build(config);
  const former: Services[] = [];

  return {
    async handle(name, connection) {
      const service = services[name];
      if (service === undefined) connection.destroy();
      else await service.handle(connection);
    },
    refusal: (name) => refusals[name] ?? '',
    replace(next) {
      former.push(services);
      services = build(next);
    },
    async close(deadlineMs) {
      const all = new Set([services, ...former].flatMap((some) => Object.values(some)));
      await Promise.all([...all].map((service) => service.close(deadlineMs)));
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
