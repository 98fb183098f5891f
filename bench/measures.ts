import { delayNote, watchLoop, worstDelay } from './loop.ts';
import { cpuOf } from './process.ts';
import type { Row } from './report.ts';
import type { BenchServer, LoopDelay } from './servers/server.ts';

export type Unit = 'ms' | '/s' | 'MB/s' | '%';

interface Measured {
  readonly work: string;
  readonly unit: Unit;
  readonly target: number | null;
  /** One value a run. */
  readonly values: number[];
  /** Milliseconds of each run. */
  readonly cpu: number[];
  readonly loops: LoopDelay[];
}

export interface Cost {
  readonly elapsed: number;
  readonly cpu: number;
  readonly loop: LoopDelay | null;
}

/** What one server did, work by work. */
export class Measures {
  readonly server: BenchServer;
  readonly #works = new Map<string, Measured>();

  constructor(server: BenchServer) {
    this.server = server;
  }

  /** Runs it and looks what it cost. */
  async cost(run: () => Promise<unknown>): Promise<Cost> {
    const loop = await watchLoop(this.server);
    const before = cpuOf(this.server.pids);
    const start = performance.now();
    await run();
    const elapsed = performance.now() - start;
    return { elapsed, cpu: cpuOf(this.server.pids) - before, loop: await loop() };
  }

  put(work: string, unit: Unit, target: number | null, value: number, cost?: Cost): void {
    let measured = this.#works.get(work);
    if (measured === undefined) {
      measured = { work, unit, target, values: [], cpu: [], loops: [] };
      this.#works.set(work, measured);
    }
    measured.values.push(value);
    if (cost === undefined) return;
    measured.cpu.push(cost.cpu);
    if (cost.loop !== null) measured.loops.push(cost.loop);
  }

  /** Milliseconds of `run`: the median of `repeat` times. */
  async time(work: string, target: number | null, run: () => Promise<unknown>, repeat = 1): Promise<void> {
    const costs: Cost[] = [];
    for (let n = 0; n < repeat; n++) costs.push(await this.cost(run));
    this.put(work, 'ms', target, ...middle(costs));
  }

  /** How many of `count` a second. */
  async rate(work: string, target: number | null, count: number, run: () => Promise<unknown>): Promise<void> {
    const cost = await this.cost(run);
    this.put(work, '/s', target, (count / cost.elapsed) * 1000, cost);
  }

  get works(): readonly Measured[] {
    return [...this.#works.values()];
  }
}

/** The median; CPU the mean, for it is counted in hundredths of a second; of the loop the worst. */
function middle(costs: readonly Cost[]): [number, Cost] {
  const sorted = costs.map(({ elapsed }) => elapsed).sort((a, b) => a - b);
  const elapsed = sorted[sorted.length >> 1]!;
  const cpu = costs.reduce((sum, one) => sum + one.cpu, 0) / costs.length;
  return [elapsed, { elapsed, cpu, loop: worstDelay(costs.flatMap(({ loop }) => loop ?? [])) }];
}

const mean = (values: readonly number[]): string => (values.reduce((sum, one) => sum + one, 0) / values.length).toFixed(0);

/** Rows of what `ours` did, beside the same of the peer. */
export function rowsOfMeasures(ours: Measures, peer: Measures | null, only: RegExp): Row[] {
  const others = new Map(peer?.works.map((one) => [one.work, one]));
  return ours.works
    .filter(({ work }) => only.test(work))
    .map(({ work, unit, target, values, cpu, loops }) => {
      const other = others.get(work);
      const costs = cpu.length === 0 ? [] : [`CPU ${mean(cpu)}${other === undefined ? '' : ` : ${mean(other.cpu)}`} ms`];
      const loop = delayNote(worstDelay(loops));
      if (loop !== '') costs.push(loop);
      return {
        work,
        unit,
        higher: unit !== 'ms',
        target,
        ours: values,
        peer: other?.values ?? [],
        peerName: peer?.server.name ?? '',
        ...(costs.length === 0 ? {} : { notes: costs.join(', ') }),
      };
    });
}
