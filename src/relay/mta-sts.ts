import { readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Dns } from '../net/dns.ts';
import { parseStsPolicy, type StsPolicy, stsId } from './sts-policy.ts';

/** Gets `https://mta-sts.<domain>/.well-known/mta-sts.txt`: certificate checked, no redirects, at most 64 KiB. RFC 8461 3.3 */
export type StsFetch = (domain: string) => Promise<string>;

interface Kept {
  readonly id: string;
  readonly policy: StsPolicy;
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** Milliseconds: how long a domain's word that it has a policy, or none, is not asked for again; how long after a failed fetch. */
const askAgain = 300_000;
const cacheSize = 10_000;

/** Policies of domains, kept for as long as they say, also over restarts: a policy once seen may not be lost to an attacker in the way. RFC 8461 5 */
export class MtaSts {
  readonly #dns: Dns;
  readonly #fetch: StsFetch;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #file: string | null;
  readonly #kept: Map<string, Kept>;
  readonly #asked = new Map<string, number>();
  #saving: Promise<void> = Promise.resolve();

  constructor(deps: { dns: Dns; fetch: StsFetch; clock: Clock; log: Log /** null: in memory only */; file: string | null }) {
    this.#dns = deps.dns;
    this.#fetch = deps.fetch;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#file = deps.file;
    this.#kept = new Map(load(deps.file));
  }

  /** The policy in force; null where there is none. */
  async policyOf(domain: string): Promise<StsPolicy | null> {
    const now = this.#clock.now();
    let kept = this.#kept.get(domain);
    if (kept !== undefined && kept.until <= now) {
      this.#kept.delete(domain);
      kept = undefined;
    }
    if ((this.#asked.get(domain) ?? 0) > now) return kept?.policy ?? null;
    if (this.#asked.size > cacheSize) this.#asked.clear();
    this.#asked.set(domain, now + askAgain);
    try {
      const id = stsId((await this.#dns.txt(`_mta-sts.${domain}`)).records);
      if (id === null || id === kept?.id) return kept?.policy ?? null;
      const policy = parseStsPolicy(await this.#fetch(domain));
      if (policy === null) throw new Error('not a policy');
      kept = { id, policy, until: now + policy.maxAge * 1000 };
      this.#keep(domain, kept);
    } catch (error) {
      // What was seen before stays in force. RFC 8461 3.3
      this.#log.info({ domain, error: String(error) }, 'MTA-STS policy could not be had');
    }
    return kept?.policy ?? null;
  }

  #keep(domain: string, kept: Kept): void {
    this.#kept.delete(domain);
    this.#kept.set(domain, kept);
    if (this.#kept.size > cacheSize) this.#kept.delete(this.#kept.keys().next().value!);
    const file = this.#file;
    if (file === null) return;
    this.#saving = this.#saving.then(async () => {
      try {
        await mkdir(dirname(file), { recursive: true, mode: 0o700 });
        const temporary = `${file}.${process.pid}.tmp`;
        await writeFile(temporary, JSON.stringify([...this.#kept]), { mode: 0o600 });
        await rename(temporary, file);
      } catch (error) {
        this.#log.warn({ error: String(error) }, 'MTA-STS policies could not be saved');
      }
    });
  }

  /** Resolves when what is kept is on disk. */
  saved(): Promise<void> {
    return this.#saving;
  }
}

function load(file: string | null): [string, Kept][] {
  if (file === null) return [];
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as [string, Kept][];
  } catch {
    return [];
  }
}
