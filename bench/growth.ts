/** What one operation cost at several sizes of what it works on. */
export interface Growth {
  readonly work: string;
  /** Milliseconds of the server's CPU for one operation, by size: 1, 10 and 100 times the smallest. */
  readonly cpu: readonly number[];
  /** The same by the clock: on a machine that does other things it tells of those. */
  readonly clock: readonly number[];
}

/** How often the CPU of the smallest size an operation took at each size; 1 = flat. */
export function slopes({ cpu }: Growth): readonly number[] {
  return cpu.map((cost) => cost / cpu[0]!);
}

/** What a hundred times the size may take of the CPU of once. */
export const steepest = 1.3;

/** Flat at every size. Differences below `noise` milliseconds are none. */
export function isFlat(growth: Growth, noise = 0): boolean {
  return growth.cpu.every((cost, n) => cost - growth.cpu[0]! <= noise || slopes(growth)[n]! <= steepest);
}

const short = (n: number): string => (n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2));

/** A table of costs at each size and of how much more than at the first that is. */
export function growthTable(sizes: readonly string[], rows: readonly Growth[], noise = 0): string {
  const ratios = sizes.slice(1).map((size) => `${size} : ${sizes[0]}`);
  const lines = [`| work, ms of CPU | ${[...sizes, ...ratios].join(' | ')} | by the clock, ms | |`];
  lines.push(`|${'---|'.repeat(2 * sizes.length + 2)}`);
  for (const row of rows) {
    const cells = [...row.cpu, ...slopes(row).slice(1)].map(short);
    lines.push(`| ${row.work} | ${cells.join(' | ')} | ${row.clock.map(short).join(' · ')} | ${isFlat(row, noise) ? '' : 'GROWS'} |`);
  }
  return lines.join('\n');
}

/** Of a straight line through points in time, by least squares: how much `value` gains in one unit of `at`. */
export function slopeOf(points: readonly { readonly at: number; readonly value: number }[]): number {
  const mean = (pick: (point: (typeof points)[number]) => number): number =>
    points.reduce((sum, point) => sum + pick(point), 0) / points.length;
  const at = mean((point) => point.at);
  const value = mean((point) => point.value);
  const spread = points.reduce((sum, point) => sum + (point.at - at) ** 2, 0);
  return spread === 0 ? 0 : points.reduce((sum, point) => sum + (point.at - at) * (point.value - value), 0) / spread;
}
