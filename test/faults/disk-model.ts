import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** One thing a traced program did to its files, in the order in which it was done. */
export type DiskEvent =
  | { readonly kind: 'write'; readonly file: number; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly file: number; readonly size: number }
  | { readonly kind: 'sync'; readonly file: number }
  | { readonly kind: 'syncFolder'; readonly folder: string }
  /** Of the whole file system: what came before event `before`. */
  | { readonly kind: 'syncAll'; readonly before: number }
  | {
      readonly kind: 'name';
      readonly folders: readonly string[];
      readonly remove: string | null;
      readonly add: string | null;
      readonly file: number | null;
    }
  | { readonly kind: 'said'; readonly line: string };

/** Reads `strace -f -xx -s …`: what happened below `home`, and what was written to descriptor 1. */
export function readTrace(trace: string, home: string): DiskEvent[] {
  const events: DiskEvent[] = [];
  const begun = new Map<string, { text: string; at: number }>();
  /** Processes that run another program, with descriptors of their own: all that counts of them is syncfs. */
  const others = new Set<string>();
  let programs = 0;
  const names = new Map<string, number | null>();
  const open = new Map<number, { path: string; file: number | null; at: number; append: boolean; sync: boolean }>();
  let files = 0;
  let said = '';
  const below = (path: string): boolean => path === home || path.startsWith(`${home}/`);
  const name = (remove: string | null, add: string | null, file: number | null): void => {
    const folders = [remove, add].filter((path) => path !== null).map((path) => dirname(path));
    if (remove !== null) names.delete(remove);
    if (add !== null) names.set(add, file);
    events.push({ kind: 'name', folders, remove, add, file });
  };
  const call = (pid: string, what: string, args: string, result: number, began: number): void => {
    if (what === 'execve') {
      if (programs++ > 0) others.add(pid);
      return;
    }
    if (what === 'syncfs') events.push({ kind: 'syncAll', before: began });
    if (what === 'syncfs' || others.has(pid)) return;
    const strings = [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex]) => Buffer.from(hex!.replaceAll('\\x', ''), 'hex'));
    const fd = Number(/^\d+/.exec(args)?.[0] ?? -1);
    const held = open.get(fd);
    const paths = strings.map((bytes) => bytes.toString());
    switch (what) {
      case 'open':
      case 'openat': {
        const path = paths[0]!;
        if (!below(path)) break;
        let file = names.get(path) ?? null;
        if (file === null && args.includes('O_CREAT')) {
          file = ++files;
          name(null, path, file);
        } else if (file !== null && args.includes('O_TRUNC')) events.push({ kind: 'truncate', file, size: 0 });
        open.set(result, { path, file, at: 0, append: args.includes('O_APPEND'), sync: args.includes('O_DSYNC') });
        break;
      }
      case 'close':
        open.delete(fd);
        break;
      case 'write':
      case 'writev':
      case 'pwritev':
      case 'pwrite64': {
        const bytes = Buffer.concat(strings).subarray(0, result);
        if (fd === 1) {
          const lines = (said + bytes.toString()).split('\n');
          said = lines.pop()!;
          for (const line of lines) events.push({ kind: 'said', line });
        } else if (held?.file != null) {
          const at = !what.startsWith('p') ? held.at : Number(/(\d+)$/.exec(args)![1]);
          events.push({ kind: 'write', file: held.file, at, bytes });
          if (!what.startsWith('p')) held.at += bytes.length;
          if (held.sync) events.push({ kind: 'sync', file: held.file });
        }
        break;
      }
      case 'ftruncate':
        if (held?.file != null) events.push({ kind: 'truncate', file: held.file, size: Number(/(\d+)$/.exec(args)![1]) });
        break;
      case 'fsync':
      case 'fdatasync':
        if (held?.file != null) events.push({ kind: 'sync', file: held.file });
        else if (held !== undefined) events.push({ kind: 'syncFolder', folder: held.path });
        break;
      case 'mkdir':
        if (below(paths[0]!)) name(null, paths[0]!, null);
        break;
      case 'unlink':
      case 'rmdir':
      case 'unlinkat':
        if (names.has(paths[0]!)) name(paths[0]!, null, null);
        break;
      case 'rename':
      case 'renameat':
      case 'renameat2':
        if (names.has(paths[0]!)) name(paths[0]!, paths[1]!, names.get(paths[0]!) ?? null);
        break;
      case 'link':
      case 'linkat':
        if (names.has(paths[0]!)) name(null, paths[1]!, names.get(paths[0]!) ?? null);
        break;
      default:
        throw new Error(`the disk model does not know ${what}`);
    }
  };
  for (const line of trace.split('\n')) {
    const [, pid, rest] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    if (rest === undefined) continue;
    let text = rest;
    if (text.endsWith(' <unfinished ...>')) {
      begun.set(pid!, { text: text.slice(0, -' <unfinished ...>'.length), at: events.length });
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text);
    const start = resumed === null ? undefined : begun.get(pid!);
    if (resumed !== null) text = (start?.text ?? '') + resumed[1];
    const done = /^(\w+)\((.*)\)\s+= (-?\d+)/.exec(text);
    if (done !== null && Number(done[3]) >= 0) call(pid!, done[1]!, done[2]!, Number(done[3]), start?.at ?? events.length);
  }
  return events;
}

/** How much of what was not flushed the disk kept: nothing, all, the names in order, or any of it. */
export type Survival = 'least' | 'most' | 'ordered' | 'any';

/** The tree as a disk holds it when the power goes before event `cut`; only what was flushed is sure. Writes it below `target`. */
export function afterPowerCut(
  events: readonly DiskEvent[],
  cut: number,
  survival: Survival,
  random: () => number,
  home: string,
  target: string,
): void {
  const syncedUpTo = new Map<number, number>();
  const sureNames = new Set<number>();
  /** Up to here all was synced at once. */
  let all = -1;
  const namesOf = new Map<string, number[]>();
  for (let i = 0; i < cut; i++) {
    const event = events[i]!;
    if (event.kind === 'sync') syncedUpTo.set(event.file, i);
    else if (event.kind === 'syncAll') all = Math.max(all, event.before - 1);
    else if (event.kind === 'syncFolder') {
      for (const n of namesOf.get(event.folder) ?? []) sureNames.add(n);
      namesOf.delete(event.folder);
    } else if (event.kind === 'name') for (const folder of event.folders) namesOf.set(folder, [...(namesOf.get(folder) ?? []), i]);
  }
  const lastSure = Math.max(all, ...sureNames);
  // 'ordered' as a journal does it: a prefix of all changes of names, at least up to the last one flushed.
  const prefix = lastSure + Math.floor(random() * (cut - lastSure));
  const keepsName = (i: number): boolean =>
    i <= all ||
    sureNames.has(i) ||
    survival === 'most' ||
    (survival === 'ordered' && i <= prefix) ||
    (survival === 'any' && random() < 0.5);
  const isSure = (file: number, i: number): boolean => i <= Math.max(all, syncedUpTo.get(file) ?? -1);
  const keepsData = (): boolean => survival === 'most' || (survival !== 'least' && random() < 0.5);
  const contents = new Map<number, { bytes: Buffer; size: number }>();
  const tree = new Map<string, number | null>();
  for (let i = 0; i < cut; i++) {
    const event = events[i]!;
    if (event.kind === 'name') {
      if (!keepsName(i)) continue;
      if (event.remove !== null) tree.delete(event.remove);
      if (event.add !== null) tree.set(event.add, event.file);
    } else if (event.kind === 'write' || event.kind === 'truncate') {
      if (!isSure(event.file, i) && !keepsData()) continue;
      const held = contents.get(event.file) ?? { bytes: Buffer.alloc(4096), size: 0 };
      contents.set(event.file, held);
      const grow = (size: number): void => {
        if (held.bytes.length < size) held.bytes = Buffer.concat([held.bytes, Buffer.alloc(size * 2 - held.bytes.length)]);
        held.size = Math.max(held.size, size);
      };
      if (event.kind === 'truncate') {
        if (event.size < held.size) held.bytes.fill(0, event.size, held.size);
        held.size = event.size;
        grow(event.size);
      } else {
        // Sectors reach the disk one by one.
        const torn = survival === 'any' && !isSure(event.file, i) && random() < 0.2;
        const bytes = torn ? event.bytes.subarray(0, Math.floor((random() * event.bytes.length) / 512) * 512) : event.bytes;
        grow(event.at + bytes.length);
        bytes.copy(held.bytes, event.at);
      }
    }
  }
  mkdirSync(target, { recursive: true });
  for (const [path, file] of tree) {
    // Shared memory of SQLite: made anew when the machine comes up.
    if (path.endsWith('-shm')) continue;
    const to = join(target, path.slice(home.length));
    if (file === null) mkdirSync(to, { recursive: true, mode: 0o700 });
    else {
      mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
      const held = contents.get(file);
      writeFileSync(to, held === undefined ? '' : held.bytes.subarray(0, held.size), { mode: 0o600 });
    }
  }
}
