import { open } from 'node:fs/promises';
import type { Log } from '../base/log.ts';
import { type AliasFile, type AliasTarget, parseAliases, parseInclude } from '../directory/alias-file.ts';
import type { DirectorySource, Expansion, ExpansionStep } from '../directory/directory.ts';
import { splitSubaddress } from '../directory/home.ts';
import { type Address, formatAddress, splitAddress } from '../mail/address.ts';
import { Fault } from '../mail/fault.ts';

export interface LocalAliasSettings {
  /** `/etc/aliases`; '' = none. */
  readonly file: string;
  /** Whether names may lead to commands and files. */
  readonly allowCommands: boolean;
  readonly recipientDelimiter: string;
}

export interface LocalAliasDeps {
  /** The host's own name, whose names the file gives. */
  readonly hostname: string;
  readonly settings: () => LocalAliasSettings;
  readonly log: Log;
}

/** As the directory's: targets of one name, names that lead to names. */
const bounds = { targets: 1000, depth: 100, visits: 5000, octets: 4 << 20 };

/**
 * Where a command or file of the aliases file is, as an address: `|command@host`, `/file@host`. Only expansion makes these, and what
 * delivers to them asks `holdersOf` again: they are nothing that a client could name.
 */
export const isProgram = ({ localPart, domain }: Address, hostname: string): boolean =>
  domain === hostname.toLowerCase() && /^[|/]/.test(localPart);

export interface LocalAliases {
  /** The directory with the names of this host added. What it says of a name comes first. */
  over<T extends DirectorySource>(directory: T): T;
  /** Names that the file still leads from to this command (`|…`) or file (`/…`). */
  holdersOf(program: string): Promise<readonly string[]>;
}

/** The aliases file, read again whenever it changed. Without it all is as if it were empty. */
export function localAliases({ hostname, settings, log }: LocalAliasDeps): LocalAliases {
  const host = hostname.toLowerCase();
  const aliases = new Remembered<AliasFile>((text, file) => {
    const parsed = parseAliases(text);
    for (const { line, what } of parsed.problems) log.warn({ file, line, reason: what }, 'aliases: entry left out');
    return parsed;
  });
  // The list's owner may name further ones: root reads none that others could not.
  const includes = new Remembered<readonly AliasTarget[]>((text) => parseInclude(text), process.getuid?.() === 0);

  return {
    over: (directory) => ({
      ...directory,
      async domain(name) {
        const own = await directory.domain(name);
        return own === null && settings().file !== '' && name.toLowerCase() === host ? { name: host, enabled: true, aliasOf: null } : own;
      },
      async expand(address) {
        const { file } = settings();
        if (file === '' || address.domain.toLowerCase() !== host) return directory.expand(address);
        const known = await directory.expand(address);
        if (known.failure !== 'noSuchDomain' && known.failure !== 'noSuchUser') return known;
        const walk = new Walk(directory, host, settings(), (await aliases.read(file))?.entries ?? new Map(), includes);
        return walk.run(address);
      },
    }),
    async holdersOf(program) {
      const { file, allowCommands } = settings();
      if (file === '' || !allowCommands) return [];
      const entries = (await aliases.read(file))?.entries ?? new Map<string, readonly AliasTarget[]>();
      return [...entries].filter(([, targets]) => targets.some((target) => programOf(target) === program)).map(([name]) => name);
    },
  };
}

const programOf = ({ kind, text }: AliasTarget): string | null => (kind === 'command' ? `|${text}` : kind === 'file' ? text : null);

class Walk {
  readonly #accounts = new Map<string, Expansion['accounts'][number]>();
  readonly #remote = new Map<string, Address>();
  readonly #steps: ExpansionStep[] = [];
  readonly #seen = new Set<string>();
  #failure: Expansion['failure'] = null;
  readonly #directory: DirectorySource;
  readonly #host: string;
  readonly #settings: LocalAliasSettings;
  readonly #entries: ReadonlyMap<string, readonly AliasTarget[]>;
  readonly #includes: Remembered<readonly AliasTarget[]>;

  constructor(
    directory: DirectorySource,
    host: string,
    settings: LocalAliasSettings,
    entries: ReadonlyMap<string, readonly AliasTarget[]>,
    includes: Remembered<readonly AliasTarget[]>,
  ) {
    this.#directory = directory;
    this.#host = host;
    this.#settings = settings;
    this.#entries = entries;
    this.#includes = includes;
  }

  async run(address: Address): Promise<Expansion> {
    await this.#name(address.localPart, 0);
    const found = this.#accounts.size + this.#remote.size;
    // Too much: nobody gets it, so that nobody is left out without notice.
    if (found > bounds.targets || this.#seen.size > bounds.visits) this.#failure = 'loop';
    else if (found > 0) this.#failure = null;
    else this.#failure ??= 'noSuchUser';
    const none = this.#failure !== null;
    return {
      accounts: none ? [] : [...this.#accounts.values()],
      remote: none ? [] : [...this.#remote.values()],
      failure: this.#failure,
      steps: this.#steps,
    };
  }

  async #name(given: string, depth: number): Promise<void> {
    const name = given.toLowerCase();
    const from = `${name}@${this.#host}`;
    if (this.#seen.has(from)) {
      this.#step(from, 'loop', from);
      this.#failure ??= 'loop';
      return;
    }
    this.#seen.add(from);
    if (this.#tooMuch || depth > bounds.depth) return;
    const base = splitSubaddress(name, this.#settings.recipientDelimiter)?.base;
    const targets = this.#entries.get(name) ?? (base === undefined ? undefined : this.#entries.get(base));
    if (targets === undefined) this.#step(from, 'not found', '');
    else await this.#follow(from, targets, depth);
  }

  async #follow(from: string, targets: readonly AliasTarget[], depth: number): Promise<void> {
    for (const target of targets) {
      if (this.#tooMuch) return;
      const program = programOf(target);
      if (program !== null) {
        this.#step(from, this.#settings.allowCommands ? 'alias' : 'not found', program);
        if (this.#settings.allowCommands) this.#goOut({ localPart: program, domain: this.#host });
        continue;
      }
      this.#step(from, 'alias', target.text);
      if (target.kind === 'include') await this.#include(target.text, from, depth + 1);
      else if (target.kind === 'name') await this.#address({ localPart: target.text, domain: this.#host }, depth + 1);
      else await this.#address(splitAddress(target.text)!, depth + 1);
    }
  }

  async #include(file: string, from: string, depth: number): Promise<void> {
    const key = `:include:${file}`;
    if (this.#seen.has(key) || depth > bounds.depth) return;
    this.#seen.add(key);
    const targets = await this.#includes.read(file);
    if (targets === null) this.#step(key, 'not found', '');
    else await this.#follow(from, targets, depth);
  }

  async #address(address: Address, depth: number): Promise<void> {
    const { accounts, remote, failure, steps } = await this.#directory.expand(address);
    const unknown = failure === 'noSuchDomain' || failure === 'noSuchUser';
    if (unknown && address.domain === this.#host) {
      await this.#name(address.localPart, depth);
      return;
    }
    this.#steps.push(...steps);
    if (failure === 'noSuchDomain') this.#goOut(address);
    else if (failure !== null) this.#failure ??= failure;
    for (const found of accounts) this.#accounts.set(found.account.address, found);
    for (const to of remote) this.#goOut(to);
  }

  get #tooMuch(): boolean {
    return this.#accounts.size + this.#remote.size > bounds.targets || this.#seen.size > bounds.visits;
  }

  #goOut(address: Address): void {
    this.#remote.set(formatAddress(address), address);
  }

  #step(from: string, rule: ExpansionStep['rule'], to: string): void {
    this.#steps.push({ from, rule, to });
  }
}

/** Files as they were when last read; 100 at most. */
class Remembered<T> {
  readonly #read: (text: string, file: string) => T;
  readonly #publicOnly: boolean;
  readonly #known = new Map<string, { readonly mark: string; readonly value: T }>();

  constructor(read: (text: string, file: string) => T, publicOnly = false) {
    this.#read = read;
    this.#publicOnly = publicOnly;
  }

  /**
   * null where the file is missing.
   * @throws Fault unavailable where it cannot be read or is too large: mail must wait, not bounce
   */
  async read(file: string): Promise<T | null> {
    try {
      const handle = await open(file, 'r');
      try {
        const { ino, size, mtimeMs, mode } = await handle.stat();
        if (this.#publicOnly && (mode & 0o004) === 0) throw new Fault('unavailable', `${file} may not be read by others`);
        const mark = `${ino} ${size} ${mtimeMs}`;
        const known = this.#known.get(file);
        if (known?.mark === mark) return known.value;
        if (size > bounds.octets) throw new Fault('unavailable', `${file} is larger than ${bounds.octets} octets`);
        const value = this.#read(await handle.readFile('utf8'), file);
        if (this.#known.size >= 100) this.#known.clear();
        this.#known.set(file, { mark, value });
        return value;
      } finally {
        await handle.close();
      }
    } catch (error) {
      if (error instanceof Fault) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return null;
      throw new Fault('unavailable', `aliases: ${message}`);
    }
  }
}
