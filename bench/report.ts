/** One row of the table: what was done, how each server did in each run. */
export interface Row {
  readonly work: string;
  readonly unit: string;
  /** Higher is better, as for a rate. */
  readonly higher: boolean;
  readonly ours: readonly number[];
  readonly peer: readonly number[];
  readonly peerName: string;
  /** Ratio ours/peer to reach: at least for rates, at most for times. */
  readonly target: number | null;
  readonly notes?: string;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length === 0 ? Number.NaN : sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const short = (n: number): string => (Number.isNaN(n) ? '–' : n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2));
const spread = (values: readonly number[]): string =>
  values.length === 0 ? '–' : `${short(median(values))} (${short(Math.min(...values))}..${short(Math.max(...values))})`;

/** Median of the ratios of runs made side by side. */
export function ratio(row: Row): number {
  return median(row.ours.slice(0, row.peer.length).map((value, run) => value / row.peer[run]!));
}

export function holds(row: Row): boolean | null {
  if (row.target === null || row.peer.length === 0) return null;
  return row.higher ? ratio(row) >= row.target : ratio(row) <= row.target;
}

export function markdown(rows: readonly Row[]): string {
  const lines = ['| work | unit | postcote | peer | ratio | target | |', '|---|---|---|---|---|---|---|'];
  for (const row of rows) {
    const verdict = holds(row);
    lines.push(
      `| ${row.work} | ${row.unit} | ${spread(row.ours)} | ${row.peer.length === 0 ? '–' : `${row.peerName} ${spread(row.peer)}`} | ${short(ratio(row))} | ${
        row.target === null ? '' : `${row.higher ? '≥' : '≤'} ${row.target}`
      } | ${verdict === null ? '' : verdict ? 'holds' : 'MISSED'}${row.notes === undefined ? '' : ` ${row.notes}`} |`,
    );
  }
  return lines.join('\n');
}

/** Rows of one work from what was measured of both servers, run by run. */
export function rowsOf<M>(work: string, ours: readonly M[], peer: readonly M[], peerName: string) {
  return (unit: string, higher: boolean, target: number | null, pick: (measured: M) => number): Row => ({
    work,
    unit,
    higher,
    target,
    ours: ours.map(pick),
    peer: peer.map(pick),
    peerName,
  });
}
