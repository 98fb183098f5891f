// What a tree of processes costs, read from /proc.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Clock ticks a second; 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

interface Row {
  readonly pid: number;
  readonly parent: number;
  /** Milliseconds of CPU, children that were waited for included. */
  readonly cpu: number;
}

function rows(): Row[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      const field = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(field[at]), 0);
      return [{ pid: Number(name), parent: Number(field[1]), cpu: (ticks * 1000) / ticksPerSecond }];
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

/** Milliseconds of CPU spent so far by the trees below `roots`. */
export function cpuOf(roots: readonly number[]): number {
  return roots.flatMap(tree).reduce((sum, row) => sum + row.cpu, 0);
}

/** Octets of memory, shared pages split among those who share them (PSS). */
export function memoryOf(roots: readonly number[]): number {
  let sum = 0;
  for (const { pid } of roots.flatMap(tree)) {
    try {
      sum += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? 0) * 1024;
    } catch {
      // The process ended between the listing and the look.
    }
  }
  return sum;
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
