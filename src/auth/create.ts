import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '../base/clock.ts';
import { type Log, silentLog } from '../base/log.ts';
import type { Account, DirectorySource } from '../directory/directory.ts';
import { Fault } from '../mail/fault.ts';
import { isLoopback } from '../net/networks.ts';
import type { AuthContext, Authenticator, SaslExchange } from './authenticator.ts';
import { type HashPoolSettings, hashPool } from './hash-pool.ts';
import type { Claim, Mechanism, MechanismTools } from './mechanism.ts';
import { mechanisms } from './mechanisms/index.ts';
import { findScheme, recognise } from './password.ts';
import { Throttle, type ThrottleChannel, type ThrottleSettings } from './throttle.ts';
import { Verifier } from './verifier.ts';

export interface AuthSettings {
  /** Password logins without TLS from anywhere; loopback clients may always, as with Dovecot. */
  readonly allowCleartext: boolean;
  /** Names of SASL mechanisms to offer. */
  readonly mechanisms: readonly string[];
  /** Scheme of stored passwords that neither say nor show theirs. */
  readonly defaultScheme: string;
  /** Domain of names without `@`; '' = none. */
  readonly realm: string;
  /** How long a verified password need not be hashed again. Milliseconds, 0 = always hash. */
  readonly cacheTtl: number;
  /** Failures are answered at the next multiple of this since their start, so that no time tells what was wrong. Milliseconds, default 50, 0 = at once. */
  readonly failureBeat?: number;
  readonly hashing?: HashPoolSettings;
  readonly throttle?: ThrottleSettings;
}

export interface AuthParts {
  readonly directory: DirectorySource;
  readonly log?: Log;
  readonly clock?: Clock;
  /** The same in all workers and after restarts, so that made-up SCRAM salts stay the same. */
  readonly secret?: Uint8Array;
  /** Tells the other workers of failures; without it each worker counts for itself. */
  readonly channel?: ThrottleChannel;
}

export interface RunningAuthenticator extends Authenticator {
  close(): Promise<void>;
}

/** Responses are longer only in an attack. Octets. */
const maxResponse = 8192;
/** No mechanism takes more turns. */
const maxSteps = 8;

/** @throws Fault unsupported (a mechanism or scheme that is not known) */
export function createAuthenticator(settings: AuthSettings, parts: AuthParts): RunningAuthenticator {
  const { directory, log = silentLog, clock = systemClock, channel = null, secret = randomBytes(32) } = parts;
  const offered = knownMechanisms(settings.mechanisms);
  findScheme(settings.defaultScheme);
  const pool = hashPool(settings.hashing);
  const throttle = new Throttle(settings.throttle ?? {}, clock, channel);
  const verifier = new Verifier(
    {
      defaultScheme: settings.defaultScheme,
      realm: settings.realm,
      failureBeat: settings.failureBeat ?? 50,
      cache: { ttl: settings.cacheTtl },
    },
    { directory, pool, throttle, clock, log },
  );
  // A failure shows again, and is told, at the first login.
  verifier.warmUp().catch(() => {});

  const allowsPlaintext = ({ secure, remoteAddress }: AuthContext): boolean =>
    secure || settings.allowCleartext || isLoopback(remoteAddress);
  const usable = (mechanism: Mechanism, context: AuthContext): boolean =>
    (!mechanism.plaintext || allowsPlaintext(context)) && (mechanism.binds !== true || context.channelBinding !== undefined);

  const tools = (context: AuthContext): MechanismTools => ({
    async account(authenticationId) {
      const address = verifier.loginName(authenticationId);
      await verifier.admit(address, context);
      const account = await directory.account(address);
      return account?.enabled === true ? account : null;
    },
    stored(account) {
      const { scheme, hash } = recognise(account.password, settings.defaultScheme);
      return { scheme: scheme.name, hash };
    },
    offers: (name) => offered.some((mechanism) => mechanism.name === name && usable(mechanism, context)),
    steady: (start) => verifier.beat(start, 10),
    channelBinding: (type) => context.channelBinding?.(type) ?? null,
    fakeSalt: (name) => createHmac('sha256', secret).update(verifier.loginName(name)).digest().subarray(0, 16),
  });

  /** Acting for someone else is not offered. RFC 4422 2 */
  const settle = async (claim: Claim, mechanism: string, context: AuthContext): Promise<Account> => {
    const { authorizationId, authenticationId, password } = claim;
    const address = verifier.loginName(authenticationId);
    const forOther = authorizationId !== '' && verifier.loginName(authorizationId) !== address;
    if (password === null) {
      await verifier.beat(performance.now());
      if (claim.account === undefined || forOther) throw verifier.refusal(address, randomUUID(), mechanism, context, 'wrong proof');
      verifier.accept(claim.account, mechanism, context);
      return claim.account;
    }
    const account = await verifier.verify(authenticationId, password, mechanism, context);
    if (forOther) throw new Fault('badCredentials', `${account.address} may not act for ${JSON.stringify(authorizationId)}`);
    return account;
  };

  return {
    mechanisms: (context) => offered.filter((mechanism) => usable(mechanism, context)).map(({ name }) => name),
    allowsPlaintext,

    start(name, context) {
      const mechanism = offered.find((one) => one.name === name.toUpperCase());
      if (mechanism === undefined) throw new Fault('unsupported', `mechanism ${JSON.stringify(name)}`);
      if (!usable(mechanism, context)) throw new Fault('tlsRequired', mechanism.name);
      return exchange(mechanism, tools(context), (claim) => settle(claim, mechanism.name, context));
    },

    async login(name, password, context) {
      if (!allowsPlaintext(context)) throw new Fault('tlsRequired', 'login');
      return verifier.verify(name, password, 'login', context);
    },

    async close() {
      throttle.close();
      await pool.close();
    },
  };
}

/** @throws Fault unsupported */
export function knownMechanisms(names: readonly string[]): readonly Mechanism[] {
  const wanted = new Set(names.map((name) => name.toUpperCase()));
  const found = mechanisms.filter(({ name }) => wanted.delete(name));
  const [unknown] = wanted;
  if (unknown === undefined) return found;
  throw new Fault('unsupported', `SASL mechanism ${unknown}: known are ${mechanisms.map(({ name }) => name).join(' ')}`);
}

function exchange(mechanism: Mechanism, tools: MechanismTools, settle: (claim: Claim) => Promise<Account>): SaslExchange {
  let running: AsyncGenerator<Buffer, Claim, Buffer> | undefined;
  let steps = 0;
  return {
    async step(response) {
      if (++steps > maxSteps || (response?.length ?? 0) > maxResponse) throw new Fault('syntax', `${mechanism.name} response`);
      if (running !== undefined && response === null) throw new Fault('syntax', `${mechanism.name}: no response`);
      let turn: IteratorResult<Buffer, Claim>;
      if (running === undefined) {
        running = mechanism.start(response, tools);
        turn = await running.next();
      } else {
        turn = await running.next(response!);
      }
      return turn.done === true ? { account: await settle(turn.value) } : { challenge: turn.value };
    },
  };
}
