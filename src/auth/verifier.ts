import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Account, DirectorySource } from '../directory/directory.ts';
import { foldDomain, foldLocalPart } from '../directory/names.ts';
import { splitAddress } from '../mail/address.ts';
import { Fault } from '../mail/fault.ts';
import type { AuthContext } from './authenticator.ts';
import { CredentialCache, type CredentialCacheSettings } from './credential-cache.ts';
import type { HashPool } from './hash-pool.ts';
import type { Throttle } from './throttle.ts';

/** Octets; longer ones are wrong without a look. */
const maxName = 320;
const maxPassword = 1024;

export interface VerifierSettings {
  /** Scheme of stored passwords that neither say nor show theirs, and of the work done for unknown names. */
  readonly defaultScheme: string;
  /** Domain of names without `@`; '' = none. */
  readonly realm: string;
  /** Failures are answered at the next multiple of this since their start. Milliseconds, 0 = at once. */
  readonly failureBeat: number;
  readonly cache: CredentialCacheSettings;
}

export interface VerifierParts {
  readonly directory: DirectorySource;
  readonly pool: HashPool;
  readonly throttle: Throttle;
  readonly clock: Clock;
  readonly log: Log;
}

/** Whether a name and a password belong together. Whatever is wrong, the answer is the same and takes as long. */
export class Verifier {
  readonly #settings: VerifierSettings;
  readonly #parts: VerifierParts;
  readonly #cache: CredentialCache;
  readonly #underWay = new Map<string, Promise<boolean>>();
  #dummy: Promise<string> | undefined;

  constructor(settings: VerifierSettings, parts: VerifierParts) {
    this.#settings = settings;
    this.#parts = parts;
    this.#cache = new CredentialCache(settings.cache, parts.clock);
  }

  /** The name under which the directory knows someone: case folded, realm appended. */
  loginName(given: string): string {
    const parts = splitAddress(given);
    if (parts !== null) return `${foldLocalPart(parts.localPart)}@${foldDomain(parts.domain)}`;
    const { realm } = this.#settings;
    return realm === '' || given.includes('@') ? foldLocalPart(given) : `${foldLocalPart(given)}@${foldDomain(realm)}`;
  }

  /** Goes on where an attempt may succeed. @throws Fault throttled, on the beat */
  async admit(address: string, context: AuthContext): Promise<void> {
    const start = performance.now();
    const { wait, known } = this.#parts.throttle.judge(context.remoteAddress, address);
    if (wait === 0 || known) return;
    await this.beat(start);
    throw this.#throttled(wait, address, context);
  }

  #throttled(wait: number, address: string, { service, remoteAddress }: AuthContext): Fault {
    this.#parts.log.info({ address, service, remote: remoteAddress, wait: Math.ceil(wait / 1000) }, 'login throttled');
    return new Fault('throttled', `${Math.ceil(wait / 1000)} s to wait for ${remoteAddress} and ${address}`);
  }

  /** @throws Fault badCredentials, throttled, unavailable */
  async verify(given: string, password: string, mechanism: string, context: AuthContext): Promise<Account> {
    const address = Buffer.byteLength(given) > maxName ? '' : this.loginName(given);
    await this.admit(address, context);
    const start = performance.now();
    const account = address === '' ? null : await this.#parts.directory.account(address);
    const usable = password !== '' && !password.includes('\0') && Buffer.byteLength(password) <= maxPassword;
    const stored = usable && account?.enabled === true ? account.password : null;
    const verified = await this.#check(stored, account?.address ?? address, usable ? password : 'x', mechanism, context);
    if (!verified || account === null) {
      await this.beat(start);
      throw this.refusal(
        address,
        password,
        mechanism,
        context,
        account === null ? 'unknown user' : account.enabled ? 'wrong password' : 'disabled',
      );
    }
    this.accept(account, mechanism, context);
    return account;
  }

  /** Waits for the next beat after `start` (performance.now) and a little more by chance, since timers show tenths of milliseconds. */
  async beat(start: number, longest = Number.POSITIVE_INFINITY): Promise<void> {
    const beat = Math.min(this.#settings.failureBeat, longest);
    if (beat > 0) await sleep(beat - ((performance.now() - start) % beat) + (beat / 10) * Math.random());
  }

  /** Counts a failure. @returns what to throw */
  refusal(address: string, password: string, mechanism: string, context: AuthContext, reason: string): Fault {
    const { throttle, log } = this.#parts;
    const { wait } = throttle.judge(context.remoteAddress, address);
    if (wait > 0) return this.#throttled(wait, address, context);
    throttle.failed(context.remoteAddress, address, password);
    log.info({ address, mechanism, service: context.service, remote: context.remoteAddress, reason }, 'login failed');
    return new Fault('badCredentials', reason);
  }

  accept(account: Account, mechanism: string, context: AuthContext): void {
    this.#parts.throttle.succeeded(context.remoteAddress, account.address);
    const { service, remoteAddress: remote, secure } = context;
    this.#parts.log.debug({ address: account.address, mechanism, service, remote, secure }, 'login');
  }

  /** @param stored null: nobody has this login, but the work is done all the same */
  async #check(stored: string | null, address: string, password: string, mechanism: string, context: AuthContext): Promise<boolean> {
    const name = this.#cache.name({ address, stored: stored ?? '', password, service: context.service, mechanism });
    if (stored !== null && this.#cache.has(name)) return true;
    // Twenty connections that open at once need one hash.
    let verdict = this.#underWay.get(name);
    if (verdict === undefined) {
      verdict = this.#hash(stored, address, password, context).finally(() => this.#underWay.delete(name));
      this.#underWay.set(name, verdict);
    }
    const verified = (await verdict) && stored !== null;
    if (verified) this.#cache.add(name);
    return verified;
  }

  async #hash(stored: string | null, address: string, password: string, { remoteAddress }: AuthContext): Promise<boolean> {
    const { pool, throttle, log } = this.#parts;
    const { defaultScheme } = this.#settings;
    try {
      return await pool.verify(
        password,
        stored ?? (await this.#dummyPassword()),
        defaultScheme,
        address,
        throttle.judge(remoteAddress, address).known,
      );
    } catch (error) {
      if (!(error instanceof Fault) || error.kind !== 'unsupported') throw error;
      log.error({ address, reason: error.detail }, 'stored password not usable');
      return false;
    }
  }

  /** A password that nobody knows, as costly to verify as a new account's. */
  #dummyPassword(): Promise<string> {
    this.#dummy ??= this.#parts.pool.hash(randomBytes(16).toString('hex'), this.#settings.defaultScheme).catch((error: unknown) => {
      this.#dummy = undefined;
      throw error;
    });
    return this.#dummy;
  }

  /** Has the dummy made before anyone can time it. */
  async warmUp(): Promise<void> {
    await this.#dummyPassword();
  }
}
