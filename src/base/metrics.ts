/**
 * Counters, gauges and histograms of this process, in Prometheus' sense. A room makes its own at module level:
 *
 *     const stored = counter('postcote_messages_stored_total', 'Messages stored.', ['via']);
 *     stored.add(1, 'lmtp');
 *
 * Label values must come from small fixed sets, never from the network.
 */
export interface Counter {
  /** @param labels in the order of the names; @throws nothing */
  add(amount: number, ...labels: readonly string[]): void;
}

export interface Gauge extends Counter {
  set(value: number, ...labels: readonly string[]): void;
}

export interface Histogram {
  observe(value: number, ...labels: readonly string[]): void;
}

type Kind = 'counter' | 'gauge' | 'histogram';

/** One metric's values; plain data that crosses processes. */
export interface MetricSample {
  readonly name: string;
  readonly help: string;
  readonly kind: Kind;
  readonly labels: readonly string[];
  /** Upper bounds, ascending, without +Inf; empty but for histograms. */
  readonly bounds: readonly number[];
  /** Label values and numbers: one for counter and gauge; a histogram has one count a bound, then all, then the sum. */
  readonly rows: readonly (readonly [labels: readonly string[], numbers: readonly number[]])[];
}

interface Metric {
  readonly sample: Omit<MetricSample, 'rows'>;
  readonly rows: Map<string, { readonly labels: readonly string[]; readonly numbers: number[] }>;
  collect?: () => void;
}

const metrics = new Map<string, Metric>();

/** Seconds. Good for commands and deliveries. */
export const secondsBounds: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

function metric(kind: Kind, name: string, help: string, labels: readonly string[], bounds: readonly number[]): Metric {
  let found = metrics.get(name);
  if (found === undefined) {
    found = { sample: { name, help, kind, labels, bounds }, rows: new Map() };
    if (labels.length === 0) numbersOf(found, []);
    metrics.set(name, found);
  }
  return found;
}

function numbersOf(of: Metric, labels: readonly string[]): number[] {
  const key = labels.length === 1 ? labels[0]! : labels.join('\0');
  let row = of.rows.get(key);
  if (row === undefined) {
    row = { labels, numbers: Array.from({ length: of.sample.kind === 'histogram' ? of.sample.bounds.length + 2 : 1 }, () => 0) };
    of.rows.set(key, row);
  }
  return row.numbers;
}

export function counter(name: string, help: string, labels: readonly string[] = []): Counter {
  const own = metric('counter', name, help, labels, []);
  return {
    add(amount, ...values) {
      numbersOf(own, values)[0]! += amount;
    },
  };
}

/** @param read asked for the value whenever somebody looks */
export function gauge(name: string, help: string, labels: readonly string[] = [], read?: () => number): Gauge {
  const own = metric('gauge', name, help, labels, []);
  if (read !== undefined) own.collect = () => (numbersOf(own, [])[0] = read());
  return {
    add(amount, ...values) {
      numbersOf(own, values)[0]! += amount;
    },
    set(value, ...values) {
      numbersOf(own, values)[0] = value;
    },
  };
}

export function histogram(
  name: string,
  help: string,
  bounds: readonly number[] = secondsBounds,
  labels: readonly string[] = [],
): Histogram {
  const own = metric('histogram', name, help, labels, bounds);
  return {
    observe(value, ...values) {
      const numbers = numbersOf(own, values);
      const slot = bounds.findIndex((bound) => value <= bound);
      if (slot >= 0) numbers[slot]! += 1;
      numbers[bounds.length]! += 1;
      numbers[bounds.length + 1]! += value;
    },
  };
}

/** Errors that were nobody's expectation. Tests fail when it is not 0. */
export const bugs = counter('postcote_bugs_total', 'Errors that are bugs of ours: each has a stack in the log.', ['room']);

/** All metrics of this process now. */
export function sampleMetrics(): MetricSample[] {
  return [...metrics.values()].map((own) => {
    own.collect?.();
    return { ...own.sample, rows: [...own.rows.values()].map(({ labels, numbers }) => [labels, [...numbers]] as const) };
  });
}

/** Of these the largest counts: of a percentile or maximum the worst, of the queue the newest, which all see. */
const largest = /_(?:p99|max)$|^postcote_queue_deliveries$/;

/** Sums of what several processes sampled, but for those in `largest`. */
export function mergeSamples(samples: readonly (readonly MetricSample[])[]): MetricSample[] {
  const merged = new Map<string, { sample: MetricSample; rows: Map<string, [readonly string[], number[]]> }>();
  for (const sample of samples.flat()) {
    let into = merged.get(sample.name);
    if (into === undefined) {
      into = { sample, rows: new Map() };
      merged.set(sample.name, into);
    }
    for (const [labels, numbers] of sample.rows) {
      const key = labels.join('\0');
      const row = into.rows.get(key);
      if (row === undefined) into.rows.set(key, [labels, [...numbers]]);
      else for (const [i, n] of numbers.entries()) row[1][i] = largest.test(sample.name) ? Math.max(row[1][i]!, n) : row[1][i]! + n;
    }
  }
  return [...merged.values()].map(({ sample, rows }) => ({ ...sample, rows: [...rows.values()] }));
}

const escapeLabel = (text: string): string => text.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`));

/** Prometheus' text format 0.0.4. */
export function formatSamples(samples: readonly MetricSample[]): string {
  let out = '';
  for (const { name, help, kind, labels, bounds, rows } of samples) {
    out += `# HELP ${name} ${help.replace(/[\\\n]/g, ' ')}\n# TYPE ${name} ${kind}\n`;
    for (const [values, numbers] of rows) {
      const pairs = labels.map((label, i) => `${label}="${escapeLabel(values[i] ?? '')}"`);
      const braces = (...more: string[]): string => (pairs.length + more.length === 0 ? '' : `{${[...pairs, ...more].join(',')}}`);
      if (kind !== 'histogram') {
        out += `${name}${braces()} ${numbers[0]}\n`;
        continue;
      }
      let below = 0;
      for (const [i, bound] of bounds.entries()) {
        below += numbers[i]!;
        out += `${name}_bucket${braces(`le="${bound}"`)} ${below}\n`;
      }
      out += `${name}_bucket${braces('le="+Inf"')} ${numbers[bounds.length]}\n`;
      out += `${name}_sum${braces()} ${numbers[bounds.length + 1]}\n${name}_count${braces()} ${numbers[bounds.length]}\n`;
    }
  }
  return out;
}
