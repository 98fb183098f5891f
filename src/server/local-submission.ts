import { join } from 'node:path';
import type { Log } from '../base/log.ts';
import type { Delivery } from '../delivery/delivery.ts';
import { Pickup } from '../queue/maildrop.ts';
import type { Queue } from '../queue/queue.ts';
import type { Config } from './config/settings.ts';

export const maildropDir = (config: Config): string => join(config.data_dir, 'maildrop');

/** Takes what programs of this machine leave by `sendmail`, while the server runs and from before. */
export function startPickup(config: Config, deps: { delivery: () => Delivery; queue: Queue; log: Log }): Pickup {
  const { delivery, queue, log } = deps;
  return new Pickup(maildropDir(config), {
    log,
    messageSizeLimit: config['mail.message_size_limit'],
    async submit({ envelope, message, uid }) {
      const id = queue.nextId();
      const hop = {
        helo: 'localhost',
        remoteAddress: '127.0.0.1',
        remoteName: 'localhost',
        protocol: `local`,
        tls: null,
        login: null,
        submission: true,
      };
      const results = await delivery().accept(id, envelope, message, hop);
      log.info({ queue_id: id, uid, recipients: results.length }, 'picked up');
      const refused = results.filter(({ fault }) => fault !== null).map(({ path }) => ({ ...path, transport: 'local' as const }));
      // The queue tries them again, or tells the sender.
      if (refused.length === 0) return;
      const again = queue.nextId();
      await queue.enqueue({ id: again, envelope, recipients: refused, message, sender: null });
      log.info({ queue_id: id, queued_as: again, recipients: refused.length }, 'kept for those that could not have it');
    },
  });
}
