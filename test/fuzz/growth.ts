import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { reaching } from './corpus.ts';
import { attempt, type FuzzTarget } from './target.ts';

export interface Growth {
  /** Worst power of the size that time grew with, from 1/16 to the whole; 0 where all was quick. */
  readonly exponent: number;
  /** Most octets of memory that an answer keeps for an octet of input. */
  readonly heap: number;
  /** What took more than it may. */
  readonly failures: readonly { readonly input: string; readonly wrong: string }[];
}

/** Octets of the largest inputs. */
const largest = 1 << 18;
/** Milliseconds below which the collector and the compiler decide. */
const quick = 150;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Repeats pieces of known inputs up to a quarter of a megabyte, for so many milliseconds: what is 16 times as long may take 16 times as long. */
export async function growth(target: FuzzTarget, milliseconds: number, random: () => number): Promise<Growth> {
  const known = [...target.seeds, ...reaching(target)].filter((input) => input !== '');
  const failures: { input: string; wrong: string }[] = [];
  let [exponent, heap] = [0, 0];
  if (target.slow === true) return { exponent, heap, failures };
  const end = performance.now() + milliseconds;
  while (performance.now() < end && failures.length === 0) {
    const input = known[Math.floor(random() * known.length)]!;
    const from = Math.floor(random() * input.length);
    const to = from + 1 + Math.floor(random() * Math.min(40, input.length - from));
    const long = (octets: number): string =>
      input.slice(0, from) + input.slice(from, to).repeat(Math.ceil(octets / (to - from))) + input.slice(random() < 0.5 ? from : to);
    const [small, middle, whole] = [largest / 16, largest / 4, largest].map(long) as [string, string, string];
    const before = await cpu(target, small, random);
    const after = await cpu(target, whole, random);
    if (after > quick) {
      const power = Math.log(after / Math.max(before, 1)) / Math.log(16);
      exponent = Math.max(exponent, power);
      if (power > 1.4 || after > 4000) {
        // Once more and in two steps, since somebody else may have had the machine, and the compiler its time.
        const [a, b, c] = [await cpu(target, small, random), await cpu(target, middle, random), await cpu(target, whole, random)];
        const wrong = `${a.toFixed(0)}, ${b.toFixed(0)}, ${c.toFixed(0)} ms for 1, 4, 16 sixteenths of ${JSON.stringify(input.slice(from, to))} × ${Math.ceil(largest / (to - from))}`;
        if (c > 4000 || (c > 2 * quick && c / b > 7 && b / a > 7)) failures.push({ input: long(2000), wrong });
      }
    }
    if (random() < 0.1) heap = Math.max(heap, await kept(target, long(largest), random));
  }
  return { exponent, heap, failures };
}

async function cpu(target: FuzzTarget, input: string, random: () => number): Promise<number> {
  const before = process.threadCpuUsage();
  await attempt(target, input, random);
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

/** Octets that the answer holds on to, an octet of input. */
async function kept(target: FuzzTarget, input: string, random: () => number): Promise<number> {
  collect();
  const before = process.memoryUsage();
  let answer: unknown = null;
  try {
    answer = await target.run(input, random);
  } catch {
    // Nothing is kept of what is refused.
  }
  collect();
  const after = process.memoryUsage();
  const held = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
  return answer === null ? 0 : held / input.length;
}
