/** What one operation cost at several sizes of what it works on. */
export interface Growth {
  readonly work: string;
  readonly unit: 'ms' | 'ms CPU';
  /** Cost of one operation, by size: 1, 10 and 100 times the smallest. */
  readonly costs: readonly number[];
}

/** How often the cost of the smallest size an operation took at each size; 1 = flat. */
export function slopes({ costs }: Growth): readonly number[] {
  return costs.map((cost) => cost / costs[0]!);
}

/** What grows must not: to ten times the size at most so much of the cost, to a hundred times that of it again. */
export const steepest = 1.5;

/** Flat enough at every size. Differences below `noise` (of the unit) are none. */
export function isFlat(growth: Growth, noise = 0): boolean {
  return growth.costs.every((cost, n) => cost - growth.costs[0]! <= noise || slopes(growth)[n]! <= steepest ** n);
}

const short = (n: number): string => (n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2));

/** A table of costs at each size and of how much more than at the first that is. */
export function growthTable(sizes: readonly string[], rows: readonly Growth[], noise = 0): string {
  const lines = [
    `| work | unit | ${sizes.join(' | ')} | ${sizes
      .slice(1)
      .map((size) => `${size} : ${sizes[0]}`)
      .join(' | ')} | |`,
  ];
  lines.push(`|${'---|'.repeat(2 * sizes.length + 2)}`);
  for (const row of rows) {
    const more = slopes(row).slice(1).map(short);
    lines.push(
      `| ${row.work} | ${row.unit} | ${row.costs.map(short).join(' | ')} | ${more.join(' | ')} | ${isFlat(row, noise) ? '' : 'GROWS'} |`,
    );
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
