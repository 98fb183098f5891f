// What a tree of processes costs, read from /proc.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Clock ticks a second; 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

interface Row {
  readonly pid: number;
  readonly parent: number;
  /** Milliseconds of its own CPU and of that of children that were waited for, in ticks. */
  readonly own: number;
  readonly children: number;
}

function rows(): Row[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      const field = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const time = (from: number): number => ((Number(field[from]) + Number(field[from + 1])) * 1000) / ticksPerSecond;
      return [{ pid: Number(name), parent: Number(field[1]), own: time(11), children: time(13) }];
    } catch {
      return [];
    }
  });
}

/** `pid` and all below it, as of now. */
function tree(root: number): Row[] {
  const all = rows();
  const found = all.filter((row) => row.pid === root);
  for (let i = 0; i < found.length; i++) found.push(...all.filter((row) => row.parent === found[i]!.pid));
  return found;
}

/** Milliseconds that the threads of a process ran which are still there: exact, where ticks are hundredths of a second. */
function threadsOf(pid: number): number {
  let sum = 0;
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`))
      sum += Number.parseInt(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1'), 10) / 1e6;
  } catch {
    // A kernel without it, or a thread that ended between the listing and the look.
  }
  return sum;
}

/** Milliseconds of CPU spent so far by the trees below `roots`. */
export function cpuOf(roots: readonly number[]): number {
  return roots.flatMap(tree).reduce((sum, { pid, own, children }) => sum + Math.max(own, threadsOf(pid)) + children, 0);
}

/** Fields of `smaps_rollup` in octets; none where the process ended between the listing and the look. */
function rollup<N extends string>(pid: number, ...names: readonly N[]): Record<N, number>[] {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
    const octets = (name: N): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) * 1024;
    return [Object.fromEntries(names.map((name) => [name, octets(name)])) as Record<N, number>];
  } catch {
    return [];
  }
}

/** Octets of memory, shared pages split among those who share them (PSS). */
export function memoryOf(roots: readonly number[]): number {
  return roots.flatMap(tree).reduce((sum, { pid }) => sum + (rollup(pid, 'Pss')[0]?.Pss ?? 0), 0);
}

/**
 * Octets of each process of one program, `root` first: what is its own, and its share of the program's files. Other than PSS it does
 * not change with who else on the machine runs the same program.
 */
export function sharesOf(root: number): number[] {
  const all = tree(root).flatMap(({ pid }) => rollup(pid, 'Rss', 'Anonymous'));
  return all.map(({ Rss, Anonymous }) => Anonymous + (Rss - Anonymous) / all.length);
}

/** Samples memory until stopped. */
export function watchMemory(roots: readonly number[]): { stop(): Promise<number> } {
  let peak = memoryOf(roots);
  let running = true;
  const done = (async () => {
    while (running) {
      await sleep(250);
      peak = Math.max(peak, memoryOf(roots));
    }
  })();
  return {
    async stop() {
      running = false;
      await done;
      return peak;
    },
  };
}

/** Until what is done in the background is done: words of messages, names of files. @returns milliseconds of CPU it took */
export async function untilAtRest(server: { readonly pids: readonly number[] }): Promise<number> {
  const start = cpuOf(server.pids);
  const patience = performance.now() + 120_000;
  for (let quiet = 0; quiet < 3 && performance.now() < patience; ) {
    const before = cpuOf(server.pids);
    await sleep(1000);
    quiet = cpuOf(server.pids) - before < 50 ? quiet + 1 : 0;
  }
  return cpuOf(server.pids) - start;
}
