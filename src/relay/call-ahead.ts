import type { Log } from '../base/log.ts';
import { type Address, formatAddress } from '../mail/address.ts';
import type { Dns } from '../net/dns.ts';
import { Broken, type SmtpClient } from './client.ts';
import { openSession, Unusable } from './connector.ts';
import { type HostAddress, hostsOf, isOwnAddress, NoHosts } from './hosts.ts';
import { replyText } from './reply.ts';
import { routeFor } from './route.ts';
import type { RelaySettings } from './settings.ts';
import { domainPolicy, Forbidden, hostPolicy } from './tls-policy.ts';
import { TlsSessions } from './tls-sessions.ts';

/** What a domain's better mail hosts say of an address; `undecided` where none can be asked now. */
export type Verdict = 'known' | 'unknown' | 'undecided';

export interface CallAheadSettings {
  /** How long answers are kept. Milliseconds. */
  readonly positiveTtl: number;
  readonly negativeTtl: number;
}

export interface CallAheadDeps {
  readonly dns: Dns;
  readonly log: Log;
  readonly now: () => number;
  readonly ownAddresses?: (address: string, port: number) => boolean;
}

/** Answers kept, and questions asked at once; what comes beyond is undecided. */
const mostAnswers = 10_000;
const mostAsking = 20;
/** Of one question, and of each step of it: a client waits. Milliseconds. */
const patience = 10_000;
/** How long nobody is asked again after there was no answer. */
const undecidedTtl = 30_000;

interface Answer {
  readonly verdict: Verdict;
  readonly until: number;
}

/**
 * Asks a domain's better mail hosts whether an address exists: MAIL with a null sender, RCPT, and no message. The route is the one
 * that mail would take, so hosts that are not better than this one are never asked; two servers that hold each other for the better
 * one end at `patience`, with one question each, because a question that is being asked is not asked again.
 */
export class CallAhead {
  readonly #relay: RelaySettings;
  readonly #settings: CallAheadSettings;
  readonly #deps: CallAheadDeps;
  /** By address; the longest kept first. */
  readonly #answers = new Map<string, Answer>();
  readonly #tlsSessions: TlsSessions;
  readonly #asking = new Map<string, Promise<Verdict>>();

  constructor(relay: RelaySettings, settings: CallAheadSettings, deps: CallAheadDeps) {
    const timeouts = { connect: 5_000, greeting: patience, command: patience, dataInitiation: 1, dataBlock: 1, dataDone: 1 };
    this.#relay = { ...relay, timeouts };
    this.#tlsSessions = new TlsSessions(relay.tlsCa);
    this.#settings = settings;
    this.#deps = deps;
  }

  async ask(address: Address): Promise<Verdict> {
    const key = formatAddress({ ...address, domain: address.domain.toLowerCase() });
    const kept = this.#kept(key) ?? this.#kept(`@${address.domain.toLowerCase()}`);
    if (kept !== null) return kept;
    const asking = this.#asking.get(key);
    if (asking !== undefined) return asking;
    if (this.#asking.size >= mostAsking) return 'undecided';
    const question = this.#ask(address, key).finally(() => this.#asking.delete(key));
    this.#asking.set(key, question);
    return question;
  }

  #kept(key: string): Verdict | null {
    const answer = this.#answers.get(key);
    return answer === undefined || answer.until <= this.#deps.now() ? null : answer.verdict;
  }

  #keep(key: string, verdict: Verdict): Verdict {
    const { positiveTtl, negativeTtl } = this.#settings;
    const ttl = verdict === 'known' ? positiveTtl : verdict === 'unknown' ? negativeTtl : undecidedTtl;
    this.#answers.delete(key);
    if (this.#answers.size >= mostAnswers) this.#answers.delete(this.#answers.keys().next().value!);
    this.#answers.set(key, { verdict, until: this.#deps.now() + ttl });
    return verdict;
  }

  async #ask(address: Address, key: string): Promise<Verdict> {
    const { dns, now, ownAddresses = isOwnAddress } = this.#deps;
    const domain = address.domain.toLowerCase();
    const signal = AbortSignal.timeout(patience);
    let reply = 'no host';
    try {
      const route = routeFor(domain, this.#relay);
      const ownNames = new Set([this.#relay.hostname.toLowerCase()]);
      const hosts = await hostsOf(route, { dns, ownNames, ownAddresses: route.mx ? ownAddresses : () => false, random: Math.random });
      const policy = await domainPolicy(domain, route, null, this.#relay, null);
      for (const host of hosts.slice(0, this.#relay.mxSessionLimit)) {
        if (signal.aborted) break;
        try {
          const wanted = await hostPolicy(policy, host, route, dns);
          const deps = { settings: this.#relay, tlsSessions: this.#tlsSessions, log: this.#deps.log, now };
          const client = await openSession(route, host, wanted, null, undefined, deps, signal);
          return this.#keep(key, await this.#converse(client, address, host, signal));
        } catch (error) {
          if (!(error instanceof Unusable || error instanceof Broken || error instanceof Forbidden)) throw error;
          reply = error.message;
        }
      }
    } catch (error) {
      if (!(error instanceof NoHosts)) throw error;
      reply = error.message;
    }
    this.#deps.log.info({ address: key, reply: reply.slice(0, 500) }, 'call-ahead: nobody could be asked');
    return this.#keep(`@${domain}`, 'undecided');
  }

  async #converse(client: SmtpClient, address: Address, host: HostAddress, signal: AbortSignal): Promise<Verdict> {
    const stop = (): void => client.destroy();
    signal.addEventListener('abort', stop, { once: true });
    try {
      const utf8 = /[^\x00-\x7f]/.test(address.localPart);
      if (utf8 && !client.extensions.has('SMTPUTF8')) return 'unknown';
      const mail = await client.command(`MAIL FROM:<>${utf8 ? ' SMTPUTF8' : ''}`);
      // About the null sender, not the address.
      if (mail.code !== 250) return 'undecided';
      const answer = await client.command(`RCPT TO:<${formatAddress(address)}>`);
      const verdict = answer.code < 300 ? 'known' : answer.code >= 500 ? 'unknown' : 'undecided';
      this.#deps.log.info(
        { address: formatAddress(address), relay: host.host, result: verdict, reply: replyText(answer).slice(0, 500) },
        'call-ahead',
      );
      return verdict;
    } finally {
      signal.removeEventListener('abort', stop);
      client.quit();
    }
  }
}
