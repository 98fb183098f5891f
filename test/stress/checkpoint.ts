import type { StressClient } from './client.ts';
import type { TrackedView } from './tracked-view.ts';
import type { World } from './world.ts';

/** Where all clients meet: the last to come does the work, then everybody goes on. */
export class Meeting {
  #members: number;
  #waiting: (() => void)[] = [];
  #work: (() => Promise<void>) | null = null;
  /** Asked for: whoever is between two commands comes. */
  called = false;

  constructor(members: number) {
    this.#members = members;
  }

  async join(work: () => Promise<void>): Promise<void> {
    this.#work = work;
    const gone = new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#look();
    await gone;
  }

  leave(): void {
    this.#members--;
    this.#look();
  }

  #look(): void {
    if (this.#waiting.length === 0 || this.#waiting.length < this.#members) return;
    void this.#work!().finally(() => {
      this.called = false;
      for (const resolve of this.#waiting.splice(0)) resolve();
    });
  }
}

/** Nothing is under way: CHECK by all, then all that have the mailbox selected must believe the same. */
export async function checkpoint(world: World, clients: readonly StressClient[]): Promise<void> {
  const selected = clients.filter(({ view }) => view !== null);
  await Promise.all(
    selected.map(async (client) => {
      const answer = await client.command('CHECK').catch(String);
      if (!answer.startsWith('OK')) client.complain(`CHECK: ${answer}`);
    }),
  );
  const views = selected.map((client) => [client, client.view!] as const);
  if (views.length === 0) return;
  world.checkpoints++;
  const [[first, model]] = views as [readonly [StressClient, TrackedView]];
  for (const [client, view] of views.slice(1)) {
    if (view.count !== model.count) client.complain(`checkpoint: ${view.count} messages, ${first.name} has ${model.count}`);
    const more = [...view.keywords].filter((name) => !model.keywords.has(name));
    const less = [...model.keywords].filter((name) => !view.keywords.has(name));
    if (more.length + less.length > 0) client.complain(`checkpoint: keywords +${more.join(' ')} -${less.join(' ')} against ${first.name}`);
  }
  for (let at = 0; at < model.count; at++) compare(world, at, views);
  const total = views.reduce((sum, [, view]) => sum + view.recent, 0);
  if (!world.options.rev2 && total > model.count) first.complain(`checkpoint: ${total} recent of ${model.count}`);
}

function compare(world: World, at: number, views: readonly (readonly [StressClient, TrackedView])[]): void {
  let uid = 0;
  let flags: string | null = null;
  let recent = 0;
  let knowing = 0;
  for (const [client, { messages }] of views) {
    const message = messages[at];
    if (message === undefined || message.uid === 0) continue;
    if (uid === 0) uid = message.uid;
    else if (uid !== message.uid) client.complain(`checkpoint: message ${at + 1} has UID ${message.uid}, elsewhere ${uid}`);
    if (message.flags === null) continue;
    knowing++;
    if (message.flags.has('\\recent')) recent++;
    const now = [...message.flags]
      .filter((flag) => flag !== '\\recent')
      .sort()
      .join(' ');
    if (flags === null) flags = now;
    else if (flags !== now) client.complain(`checkpoint: UID ${uid} has (${now}), elsewhere (${flags})`);
  }
  const [client] = views[0]!;
  if (recent > 1) client.complain(`checkpoint: UID ${uid} is \\Recent in ${recent} sessions`);
  // Since it came nobody has left, and everybody was told its flags: somebody is the first who saw it. RFC 3501 2.3.2
  if (
    uid > 0 &&
    !world.options.rev2 &&
    !world.options.qresync &&
    recent === 0 &&
    knowing === world.options.clients &&
    world.facts(uid).leaves === world.leaves
  )
    client.complain(`checkpoint: UID ${uid} is \\Recent nowhere`);
}
