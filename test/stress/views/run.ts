import fc from 'fast-check';
import type { ImapClient } from '../../support/imap.ts';
import { Folder } from './folder.ts';
import { Observer } from './observer.ts';
import { type Kind, Session } from './session.ts';
import { type Numbers, stepRows } from './steps.ts';
import { Truth } from './truth.ts';

/** A server, and an account on it that nobody has used. */
export interface Stage {
  /** Makes the n-th connection. */
  readonly connect: (n: number) => Promise<ImapClient>;
  readonly user: string;
  /** Where its mail lies. */
  readonly home: string;
}

interface Play {
  readonly kinds: readonly Kind[];
  readonly steps: readonly (Numbers & { readonly who: number; readonly step: number })[];
}

const kind: fc.Arbitrary<Kind> = fc.oneof(
  fc.constant({ condstore: false, qresync: false, uidOnly: false, notify: false, rev2: false }),
  fc.constant({ condstore: true, qresync: false, uidOnly: false, notify: false, rev2: false }),
  fc.constant({ condstore: true, qresync: true, uidOnly: false, notify: false, rev2: true }),
  fc.constant({ condstore: true, qresync: true, uidOnly: true, notify: false, rev2: true }),
  fc.record({ condstore: fc.boolean(), qresync: fc.boolean(), uidOnly: fc.boolean(), notify: fc.boolean(), rev2: fc.boolean() }),
);
const wheel = stepRows.flatMap(({ often }, i) => Array.from({ length: often }, () => i));
const number = fc.nat({ max: 9999 });

/** Four clients of any kind, and what they do in turns. */
const plays = (length: number): fc.Arbitrary<Play> =>
  fc.record({
    kinds: fc.array(kind, { minLength: 4, maxLength: 4 }),
    steps: fc.array(fc.record({ who: fc.nat({ max: 3 }), step: fc.constantFrom(...wheel), a: number, b: number, c: number }), {
      minLength: length,
      maxLength: length,
    }),
  });

export interface Season {
  readonly plays: number;
  /** Steps of a play. */
  readonly length: number;
  /** Plays at once, each with an account of its own. */
  readonly stages: number;
  /** The same gives the same plays. */
  readonly seed: number;
}

/** Clients and what changes their mailboxes, drawn at random, against a model of it. @throws Error with seed, play and dialogue @returns steps */
export async function season({ plays: count, length, stages, seed }: Season, stage: (n: number) => Stage): Promise<number> {
  const list = fc.sample(plays(length), { numRuns: count, seed });
  let next = 0;
  let steps = 0;
  await Promise.all(
    Array.from({ length: stages }, async () => {
      for (let n = next++; n < count; n = next++) {
        try {
          await act(list[n]!, stage(n));
        } catch (error) {
          throw new Error(`seed ${seed}, play ${n}: ${(error as Error).message}`, { cause: error });
        }
        steps += list[n]!.steps.length;
      }
    }),
  );
  return steps;
}

/** Acts it out. @throws Error with what contradicts, and the dialogue before it */
async function act({ kinds, steps }: Play, { connect, user, home }: Stage): Promise<void> {
  const truth = new Truth();
  const folder = new Folder(home, truth);
  let connections = 0;
  const sessions: Session[] = [];
  const enter = async (index: number): Promise<void> => {
    const before = sessions[index];
    before?.close();
    sessions[index] = await Session.open(index, kinds[index]!, truth, await connect(connections++), user);
    sessions[index].caches = before?.caches ?? [];
  };
  const outside = await connect(connections++);
  const observer = new Observer(outside, truth);
  try {
    await outside.line();
    await outside.ok(`LOGIN ${user} secret`);
    await outside.ok('ENABLE CONDSTORE');
    for (const index of kinds.keys()) await enter(index);
    const scene = { truth, sessions, folder, observer };
    for (const { who, step, ...numbers } of steps) {
      const row = stepRows[step]!;
      const { name, selected } = row;
      if (name === 'elsewhere' || name === 'settle' || name === 'hear') {
        await row.run(sessions[who]!, scene, numbers);
        continue;
      }
      await sessions[who]!.done();
      await back(who);
      if (selected === true && sessions[who]!.box === null) continue;
      truth.story.push(`${who} ${name}`);
      sessions[who]!.heardAll = null;
      await row.run(sessions[who]!, scene, numbers);
      await back(who);
      const session = sessions[who]!;
      if (session.box === null || session.idling !== null || session.heardAll === null) continue;
      await observer.look(session.box);
      session.mustAgree(session.heardAll);
    }
    for (const box of truth.boxes) await observer.settle(box);
    for (const [index, session] of sessions.entries()) {
      await session.done();
      await back(index);
      await sessions[index]!.ok('NOOP');
      sessions[index]!.mustAgree(true);
    }
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${truth.story.slice(-Number(process.env.STORY ?? 60)).join('\n')}`, { cause: error });
  } finally {
    observer.close();
    for (const session of sessions) session.close();
  }

  /** Whose mailbox is gone is put out, and comes back. */
  async function back(index: number): Promise<void> {
    const session = sessions[index]!;
    if (session.box?.isGone === true && !session.bye) await session.command('NOOP');
    if (session.box?.isGone === true && !session.bye) throw new Error(`session ${index} goes on with a mailbox that is gone`);
    if (session.bye && session.box?.isGone !== true) throw new Error(`session ${index} was put out`);
    if (session.bye) await enter(index);
  }
}
