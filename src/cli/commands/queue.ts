import { join } from 'node:path';
import { splitAddress } from '../../mail/address.ts';
import { openQueueAdmin, type QueueAdmin } from '../../queue/admin.ts';
import type { QueueEngine } from '../../queue/engine.ts';
import { allQueued, describeQueued, formatListing, type Listed } from '../../queue/listing.ts';
import { inMaildrop } from '../../queue/maildrop.ts';
import { maildropDir } from '../../server/local-submission.ts';
import type { Cli, CommandFile } from '../command.ts';
import { Exit, exitCodes } from '../exit.ts';

/** Runs `work` on the queue; `none` where there is no queue yet. */
export function withQueue<T>(cli: Cli, none: T, work: (engine: QueueEngine, admin: QueueAdmin) => T): T {
  const admin = openQueueAdmin(join(cli.config().config.data_dir, 'queue'));
  if (admin === null) return none;
  try {
    return work(admin.engine, admin);
  } finally {
    admin.close();
  }
}

function listQueue(cli: Cli): Listed[] {
  return withQueue(cli, [], (engine) => [...allQueued(engine)].map(describeQueued));
}

/** The queue as `mailq` shows it, and how much `sendmail` left that no server has taken. */
export function printQueue(cli: Cli): void {
  const listed = listQueue(cli);
  const dropped = inMaildrop(maildropDir(cli.config().config));
  const more = dropped === 0 ? [] : [`${dropped} more left by sendmail for the server to take.`];
  cli.print(listed, [...(listed.length === 0 && dropped > 0 ? [] : [formatListing(listed)]), ...more]);
}

/** @param which ID of one message, `ALL`, or an address: all that is queued from or for it; @param done what the trace says of them */
function each(cli: Cli, which: string, done: string, work: (engine: QueueEngine, id: string) => number | boolean): void {
  const count = withQueue(cli, 0, (engine, admin) => {
    const ids = which === 'ALL' || splitAddress(which) !== null ? matching(engine, which) : [which.toUpperCase()];
    const changed = engine.commit(() => ids.filter((id) => Number(work(engine, id)) > 0));
    if (changed.length > 0) admin.note(done, changed, process.getuid?.() ?? null);
    return changed.length;
  });
  if (count === 0) throw new Exit(exitCodes.no, `no queued message ${which}, or nothing to do`);
  cli.print({ messages: count }, `${count} message${count === 1 ? '' : 's'}`);
}

function matching(engine: QueueEngine, which: string): string[] {
  const wanted = which.toLowerCase();
  return [...allQueued(engine)]
    .map(describeQueued)
    .filter(
      (one) =>
        which === 'ALL' || one.sender.toLowerCase() === wanted || one.recipients.some(({ address }) => address.toLowerCase() === wanted),
    )
    .map((one) => one.queue_id);
}

export const queue: CommandFile = (program, cli) => {
  const group = program.command('queue').description('mail that is not delivered yet: list, show, flush, hold, release, rm');

  group
    .command('list')
    .description('all of it, oldest first')
    .action(() => printQueue(cli));

  group
    .command('show <id>')
    .description('one message: envelope, recipients, last answers, next attempts')
    .action((id: string) => {
      const found = withQueue(cli, null, (engine) => engine.show(id.toUpperCase()));
      if (found === null) throw new Exit(exitCodes.no, `no queued message ${id}`);
      const one = describeQueued(found);
      cli.print(one, [
        `queue id   ${one.queue_id}`,
        `arrival    ${one.arrival}`,
        `size       ${one.size}`,
        `sender     ${one.sender === '' ? '<>' : one.sender}${one.login === null ? '' : ` (login ${one.login})`}`,
        ...one.recipients.flatMap((to) => [
          `recipient  ${to.address}: ${to.state}, ${to.attempts} attempt${to.attempts === 1 ? '' : 's'}${to.next_attempt === null ? '' : `, next ${to.next_attempt}`}`,
          ...(to.reply === null ? [] : [`           ${to.relay === null ? '' : `${to.relay}: `}${to.reply}`]),
        ]),
      ]);
    });

  group
    .command('flush [id]')
    .description('try a message, or all that wait, now')
    .action((id?: string) => {
      const count = withQueue(cli, 0, (engine) => engine.commit(() => engine.flush(id?.toUpperCase() ?? null)));
      if (id !== undefined && count === 0) throw new Exit(exitCodes.no, `no message ${id} that waits`);
      cli.print({ deliveries: count }, `${count} deliver${count === 1 ? 'y' : 'ies'} to be tried now`);
    });

  group
    .command('hold <id>')
    .description('keep a message from being tried; ALL, or an address, for several')
    .action((id: string) => each(cli, id, 'held', (engine, one) => engine.hold(one)));
  group
    .command('release <id>')
    .description('let a held message go; ALL or an address for several')
    .action((id: string) => each(cli, id, 'released', (engine, one) => engine.release(one)));
  group
    .command('rm <id>')
    .description('forget a message, telling nobody; ALL or an address for several')
    .action((id: string) => each(cli, id, 'removed', (engine, one) => engine.remove(one)));
};
