// What V8's CPU profiles of the server say, one file for each process and thread.
import { readdirSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** As `--cpu-prof` writes it; times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number; readonly columnNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface HotFunction {
  /** `smtp/session #answer`, `node:net writeGeneric`, `(garbage collector)`. */
  readonly name: string;
  /** Milliseconds in itself, without what it calls. */
  readonly self: number;
  /** Of all the time that was not idle. */
  readonly share: number;
}

export interface ProfileSummary {
  readonly program: string;
  /** Milliseconds that were not idle. */
  readonly busy: number;
  readonly functions: readonly HotFunction[];
}

/** Which program a profile is of: the first of these that it has code of. */
const programs: readonly (readonly [file: string, name: string])[] = [
  ['store/thread', 'store thread'],
  ['queue/thread', 'queue thread'],
  ['auth/hash-worker', 'hash thread'],
  ['server/worker-main', 'worker'],
  ['server/supervisor', 'primary'],
  ['server/main', 'server'],
];

export function programOf(profile: CpuProfile): string {
  const files = new Set(profile.nodes.map(({ callFrame }) => placeOf(callFrame)));
  return programs.find(([file]) => files.has(file))?.[1] ?? 'other';
}

type CallFrame = CpuProfile['nodes'][number]['callFrame'];

const maps = new Map<string, SourceMap | null>();

function mapOf(url: string): SourceMap | null {
  let map = maps.get(url);
  if (map === undefined) {
    try {
      map = new SourceMap(JSON.parse(readFileSync(`${fileURLToPath(url)}.map`, 'utf8')));
    } catch {
      map = null;
    }
    maps.set(url, map);
  }
  return map;
}

/** Where a function is as seen from the rooms: no folders of this machine, no numbers of lines, which change. */
function placeOf({ url, lineNumber, columnNumber }: CallFrame): string {
  const entry = url.includes('/dist/') ? mapOf(url)?.findEntry(lineNumber, columnNumber) : undefined;
  return (entry !== undefined && 'originalSource' in entry ? String(entry.originalSource) : url)
    .replace(/^.*\/node_modules\//, '')
    .replace(/^.*\/(dist|src)\//, '')
    .replace(/^file:\/\/.*\//, '')
    .replace(/\.[jt]s$/, '');
}

function nameOf(frame: CallFrame): string {
  const { functionName } = frame;
  const place = placeOf(frame);
  return [place, functionName === '' ? '(anonymous)' : functionName].filter((part) => part !== '').join(' ');
}

/** The `count` functions that took most time themselves. */
export function summary(profile: CpuProfile, count: number): ProfileSummary {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const self = new Map<string, number>();
  let busy = 0;
  for (const [n, id] of profile.samples.entries()) {
    const name = names.get(id) ?? '(unknown)';
    if (name === '(idle)') continue;
    const took = (profile.timeDeltas[n] ?? 0) / 1000;
    busy += took;
    self.set(name, (self.get(name) ?? 0) + took);
  }
  const functions = [...self]
    .sort((a, b) => b[1] - a[1])
    .slice(0, count)
    .map(([name, took]) => ({ name, self: took, share: busy === 0 ? 0 : took / busy }));
  return { program: programOf(profile), busy, functions };
}

/** Of all profiles in a folder, the busiest first; what was busy for less than a hundredth of the busiest is left out. */
export function readProfiles(dir: string, count = 10): readonly ProfileSummary[] {
  const all = readdirSync(dir)
    .filter((name) => name.endsWith('.cpuprofile'))
    .map((name) => summary(JSON.parse(readFileSync(join(dir, name), 'utf8')) as CpuProfile, count))
    .sort((a, b) => b.busy - a.busy);
  return all.filter(({ busy }) => busy >= (all[0]?.busy ?? 0) / 100);
}

export function profileTable(profiles: readonly ProfileSummary[]): string {
  const lines = ['| process or thread | busy ms | function | self ms | share |', '|---|---|---|---|---|'];
  for (const { program, busy, functions } of profiles) {
    for (const [place, { name, self, share }] of functions.entries()) {
      const head = place === 0 ? `${program} | ${busy.toFixed(0)}` : ' | ';
      lines.push(`| ${head} | ${name.replaceAll('|', '\\|')} | ${self.toFixed(0)} | ${(share * 100).toFixed(1)} % |`);
    }
  }
  return lines.join('\n');
}
