import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Address } from '../mail/address.ts';
import { Fault } from '../mail/fault.ts';
import type { Dns } from '../net/dns.ts';
import type { Job, JobOutcome, QueuedRecipient, Report, Transport } from '../queue/transport.ts';
import { CannotTake } from './cannot-take.ts';
import { Broken, type SmtpClient } from './client.ts';
import { type ConnectDeps, openSession, Unusable } from './connector.ts';
import { type Content, inspect } from './content.ts';
import { DotGate } from './dot-gate.ts';
import { type HostAddress, hostsOf, isOwnAddress, NoHosts } from './hosts.ts';
import type { MtaSts } from './mta-sts.ts';
import { commandsFor } from './parameters.ts';
import { Pool } from './pool.ts';
import { replyText } from './reply.ts';
import { destinationKey, lookUp, type Route, routeFor } from './route.ts';
import { type Credentials, PasswordFile } from './sasl.ts';
import type { RelaySettings } from './settings.ts';
import { toSevenBit } from './seven-bit.ts';
import { timeLimit } from './time-limit.ts';
import { domainPolicy, Forbidden, type HostPolicy, hostPolicy, type TlsWish } from './tls-policy.ts';
import type { TlsReport } from './tls-report.ts';
import { TlsSessions } from './tls-sessions.ts';
import { transact } from './transaction.ts';

export interface RelayDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly dns: Dns;
  /** null: not asked. */
  readonly sts: MtaSts | null;
  readonly report?: TlsReport;
  /** Names and addresses of our own listeners, against mail that would come back. */
  readonly ownNames?: ReadonlySet<string>;
  readonly ownAddresses?: (address: string, port: number) => boolean;
  /** 0 to 1. */
  readonly random?: () => number;
}

/** What is left to do of a job, and what was said of it last. */
interface Progress {
  readonly job: Job;
  readonly report: Report;
  readonly content: Content;
  readonly left: Map<number, QueuedRecipient>;
  /** Of those left, by recipient. */
  readonly said: Map<number, Omit<JobOutcome, 'result'>>;
  /** Some host held a conversation. */
  reached: boolean;
  /** What the last host that could not be used said. */
  last: { reply: string; relay: string | null };
}

/** Mail to other servers. */
export class RelayTransport implements Transport {
  readonly #settings: RelaySettings;
  readonly #deps: RelayDeps;
  readonly #pool: Pool;
  readonly #passwords: PasswordFile;
  readonly #gate = new DotGate();
  readonly #connectDeps: ConnectDeps;

  constructor(settings: RelaySettings, deps: RelayDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.#pool = new Pool(settings.idleTime, settings.messagesPerConnection);
    this.#passwords = new PasswordFile(settings.passwordFile);
    this.#connectDeps = { settings, tlsSessions: new TlsSessions(settings.tlsCa), log: deps.log, now: () => deps.clock.now() };
  }

  destination({ domain }: Address): string {
    return destinationKey(routeFor(domain, this.#settings));
  }

  async deliver(job: Job, report: Report, signal: AbortSignal): Promise<void> {
    const content = await inspect(job.message);
    if (content.hops > this.#settings.hopCountLimit) {
      for (const recipient of job.recipients) report(recipient, { result: 'failed', reply: '554 5.4.6 Too many hops', relay: null });
      return;
    }
    for (const { recipients, domain, route } of this.#hopsOf(job)) {
      await this.#toDomain(job, recipients, domain, route, content, report, signal);
    }
  }

  timeLimit(job: Job): number {
    const limits = this.#hopsOf(job).map(({ recipients, route }) =>
      timeLimit(job.message.size, recipients.length, route.protocol, this.#settings),
    );
    return limits.reduce((sum, limit) => sum + limit, 0);
  }

  /** One, but for a job that was queued under another configuration. */
  #hopsOf({ recipients }: Job) {
    const hops = Map.groupBy(recipients, ({ address }) => destinationKey(routeFor(address.domain, this.#settings)));
    return [...hops.values()].map((recipients) => {
      const { domain } = recipients[0]!.address;
      return { recipients, domain, route: routeFor(domain, this.#settings) };
    });
  }

  async #toDomain(
    job: Job,
    recipients: readonly QueuedRecipient[],
    domain: string,
    route: Route,
    content: Content,
    report: Report,
    signal: AbortSignal,
  ): Promise<void> {
    const { dns, sts, random = Math.random, ownNames = new Set<string>(), ownAddresses = isOwnAddress } = this.#deps;
    const progress: Progress = {
      job,
      report,
      content,
      left: new Map(recipients.map((one) => [one.id, one])),
      said: new Map(),
      reached: false,
      last: { reply: '451 4.4.1 No host could be reached', relay: null },
    };
    try {
      const hosts = await hostsOf(route, { dns, ownNames, ownAddresses: route.mx ? ownAddresses : () => false, random });
      const policy = await domainPolicy(domain, route, tlsWish(job, content), this.#settings, sts);
      let sessions = 0;
      for (const host of hosts.slice(0, this.#settings.mxAddressLimit)) {
        if (progress.left.size === 0 || signal.aborted || sessions >= this.#settings.mxSessionLimit) break;
        try {
          const wanted = await hostPolicy(policy, host, route, dns);
          if (await this.#toHost(progress, route, host, wanted, domain, signal)) sessions++;
        } catch (error) {
          if (!(error instanceof Forbidden)) throw error;
          progress.last = { reply: error.message, relay: host.host };
          if (policy.sts !== null) this.#deps.report?.failure(domain, 'sts', host.host, 'validation-failure');
        }
      }
    } catch (error) {
      if (!(error instanceof NoHosts)) throw error;
      const failed = error.message.startsWith('5');
      for (const recipient of progress.left.values()) {
        report(recipient, {
          result: failed ? 'failed' : 'deferred',
          reply: error.message,
          relay: null,
          ...(!failed && { unreachable: true }),
        });
      }
      return;
    }
    if (signal.aborted) return;
    for (const [id, recipient] of progress.left) {
      const said = progress.said.get(id) ?? { ...progress.last, ...(!progress.reached && { unreachable: true }) };
      report(recipient, { ...said, result: 'deferred' });
    }
  }

  /** @returns whether a conversation was had */
  async #toHost(
    progress: Progress,
    route: Route,
    host: HostAddress,
    policy: HostPolicy,
    domain: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { log, report } = this.#deps;
    const credentials = this.#credentials(route, domain);
    const localAddress = lookUp(this.#settings.bindAddress, progress.job.envelope.reversePath?.domain ?? '');
    const key = poolKey(route, host, policy, credentials, localAddress);
    let client = await this.#pool.take(key);
    const reused = client !== null;
    // When the delivery is stopped, at once, whatever else it waits for.
    const release = once((session: SmtpClient | null) => this.#pool.give(key, session));
    const stop = (): void => {
      client?.destroy();
      release(client);
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      if (client === null) {
        const start = performance.now();
        client = await this.#open(route, host, policy, credentials, localAddress, domain, signal);
        this.#pool.opened(key, performance.now() - start);
      }
    } catch (error) {
      signal.removeEventListener('abort', stop);
      release(null);
      if (!(error instanceof Unusable)) throw error;
      progress.last = { reply: error.message, relay: host.host };
      log.info({ queue_id: progress.job.id, relay: `${host.host}[${host.address}]`, reply: error.message }, 'host could not be used');
      if (error.tls !== null) report?.failure(domain, policy.type === 'configured' ? 'no-policy-found' : policy.type, host.host, error.tls);
      return false;
    }
    let again = false;
    try {
      const count = progress.left.size;
      progress.reached = true;
      again = (await this.#converse(client, progress)) && progress.left.size === count;
    } finally {
      signal.removeEventListener('abort', stop);
      release(client);
    }
    // A session that was left open may have been closed at the other end: that is no answer, so once more on a new one.
    if (again && reused && !signal.aborted) return this.#toHost(progress, route, host, policy, domain, signal);
    return true;
  }

  #open(
    route: Route,
    host: HostAddress,
    policy: HostPolicy,
    credentials: Credentials | null,
    localAddress: string | undefined,
    domain: string,
    signal: AbortSignal,
  ): Promise<SmtpClient> {
    const opened = openSession(route, host, policy, credentials, localAddress, this.#connectDeps, signal);
    return opened.then((client) => {
      if (policy.testing && client.tls?.untrusted !== null) {
        this.#deps.report?.failure(domain, 'sts', host.host, client.tls === null ? 'starttls-not-supported' : 'certificate-not-trusted');
      } else if (policy.type !== 'configured') this.#deps.report?.success(domain, policy.type);
      return client;
    });
  }

  #credentials(route: Route, domain: string): Credentials | null {
    try {
      return this.#passwords.find(route.nextHop, route.nextHop.replace(/:\d+$/, ''), route.host, domain);
    } catch (error) {
      throw new Fault('unavailable', `relay password file: ${(error as Error).message}`);
    }
  }

  /** As many transactions as the recipients need. @returns true when the connection broke before anything was said of this message */
  async #converse(client: SmtpClient, progress: Progress): Promise<boolean> {
    const { job, content, left, said } = progress;
    const relay = client.options.host;
    let commands: ReturnType<typeof commandsFor>;
    let { bytes } = content;
    try {
      commands = commandsFor(client, job, content);
      if (commands.sevenBit) bytes = await toSevenBit(bytes ?? job.message.file, client.name);
    } catch (error) {
      if (!(error instanceof CannotTake)) throw error;
      for (const recipient of left.values()) progress.report(recipient, { result: 'failed', reply: error.message, relay });
      left.clear();
      return false;
    }
    let heard = false;
    let batch: QueuedRecipient[] = [];
    const waiting = [...left.values()];
    try {
      while (waiting.length > 0) {
        batch = waiting.splice(0, this.#settings.recipientLimit);
        if (client.needsReset) await reset(client);
        const tooMany: QueuedRecipient[] = [];
        let delivered = 0;
        client.needsReset = true;
        const whole = await transact(
          client,
          {
            mail: commands.mail,
            recipients: batch.map((recipient) => ({ recipient, command: commands.rcpt(recipient) })),
            bytes,
            file: job.message.file,
            gate: this.#gate,
          },
          (recipient, answer, to) => {
            heard = true;
            const reply = replyText(answer);
            if (answer.code >= 200 && answer.code < 300) delivered++;
            // The rest of a long list comes after those that were taken. RFC 5321 4.5.3.1.10
            if (to === 'RCPT' && answer.code === 452) tooMany.push(recipient);
            if (answer.code >= 400 && answer.code < 500) {
              said.set(recipient.id, { reply, relay });
              return;
            }
            left.delete(recipient.id);
            const result = answer.code < 300 ? 'delivered' : 'failed';
            progress.report(recipient, { result, reply, relay, ...(commands.dsn && result === 'delivered' && { dsnPassedOn: true }) });
          },
        );
        client.needsReset = !whole;
        if (delivered > 0) waiting.unshift(...tooMany);
      }
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      for (const { id } of batch) {
        const recipient = left.get(id);
        if (recipient === undefined) continue;
        if (!said.has(id) || error.sent) said.set(id, { reply: `451 4.4.2 ${error.message}`, relay });
        // It may have arrived: no second copy by another way at once. RFC 1047
        if (error.sent) {
          left.delete(id);
          progress.report(recipient, { ...said.get(id)!, result: 'deferred' });
        }
      }
      return !heard && !error.sent;
    }
    return false;
  }

  async close(): Promise<void> {
    this.#pool.close();
  }
}

function once<T>(call: (value: T) => void): (value: T) => void {
  let called = false;
  return (value) => {
    if (!called) call(value);
    called = true;
  };
}

/** A transaction that was given up is cleared before the next. RFC 5321 4.1.1.5 */
async function reset(client: SmtpClient): Promise<void> {
  const reply = await client.command('RSET');
  if (reply.code !== 250) throw new Broken(replyText(reply));
  client.needsReset = false;
}

/** REQUIRETLS of the envelope has the last word. RFC 8689 4.1 */
function tlsWish({ envelope }: Job, { header }: Content): TlsWish {
  if (envelope.requireTls) return 'required';
  return /^tls-required:[ \t]*no[ \t]*$/im.test(header) ? 'optional' : null;
}

function poolKey(route: Route, host: HostAddress, policy: HostPolicy, credentials: Credentials | null, source: string | undefined): string {
  const proof = policy.level === 'dane' ? policy.tlsa.map(({ data }) => data.toString('hex')).join() : '';
  return [route.protocol, host.host, host.address, route.port, route.host, policy.level, proof, credentials?.user ?? '', source ?? ''].join(
    ' ',
  );
}

export function relayTransport(settings: RelaySettings, deps: RelayDeps): RelayTransport {
  return new RelayTransport(settings, deps);
}
