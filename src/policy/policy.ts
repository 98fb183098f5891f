import type { Log } from '../base/log.ts';
import { Fault } from '../mail/fault.ts';
import { enhancedCode, type Reply } from '../mail/reply.ts';
import { networks } from '../net/networks.ts';
import { parseRestrictions, type Rule } from './parse.ts';
import type { PolicyDeps, Verdict } from './restriction.ts';
import { isOurs, relayDenied, unlisted } from './restrictions/recipient.ts';
import { type Stage, type Subject, stages } from './subject.ts';

export interface PolicySettings {
  /** Who may relay without a login: `127.0.0.0/8`, `[::1]/128`. */
  readonly mynetworks: readonly string[];
  readonly restrictions: Readonly<Record<Stage, readonly string[]>>;
}

/** The lists as they stand for one role. */
export interface Policy {
  isTrusted(address: string): boolean;
  /**
   * What a recipient is answered, all lists up to it having spoken; null: welcome. Client, HELO and sender are judged here too
   * (smtpd_delay_reject). @param order the lists of the listener's role
   */
  recipient(subject: Subject, order?: readonly Stage[]): Promise<Reply | null>;
  /** Whether the recipient exists, for roles without restrictions. */
  listed(subject: Subject): Reply | null;
  /** At DATA or the first BDAT. */
  data(subject: Subject): Promise<Reply | null>;
}

/** @throws Fault syntax, saying which setting is wrong */
export function createPolicy(settings: PolicySettings, deps: PolicyDeps & { readonly log: Log }): Policy {
  const trusted = networks(settings.mynetworks);
  const lists = Object.fromEntries(
    stages.map((stage) => [stage, parseRestrictions(settings.restrictions[stage], deps.dns !== null)]),
  ) as unknown as Record<Stage, readonly Rule[]>;

  /** First match in one list. */
  async function list(stage: Stage, subject: Subject): Promise<Verdict> {
    let deferred: { readonly deferIfPermit: Reply } | null = null;
    for (const { restriction, argument, table, onlyWarn } of lists[stage]) {
      let verdict: Verdict;
      try {
        const answer = restriction.check(subject, { stage, argument, table }, deps);
        verdict = answer instanceof Promise ? await answer : answer;
      } catch (error) {
        if (!(error instanceof Fault) || error.kind !== 'unavailable') throw error;
        verdict = { deferIfPermit: { code: 450, detail: '4.3', text: `${restriction.name}: temporary lookup failure` } };
      }
      if (verdict === null) continue;
      if (verdict === 'permit') return deferred ?? 'permit';
      if (onlyWarn) {
        const reply = 'deferIfPermit' in verdict ? verdict.deferIfPermit : verdict;
        deps.log.info({ address: subject.remoteAddress, restriction: restriction.name, code: enhancedCode(reply) }, 'would be rejected');
      } else if ('deferIfPermit' in verdict) deferred ??= verdict;
      else return verdict;
    }
    return deferred;
  }

  /** Each list must let it pass; one that permits speaks for itself only. */
  async function all(order: readonly Stage[], subject: Subject): Promise<Reply | null> {
    let deferred: Reply | null = null;
    for (const stage of order) {
      if (lists[stage].length === 0) continue;
      const verdict = await list(stage, subject);
      if (verdict === null || verdict === 'permit') continue;
      if ('deferIfPermit' in verdict) deferred ??= verdict.deferIfPermit;
      else return verdict;
    }
    return deferred;
  }

  return {
    isTrusted: (address) => trusted.includes(address),
    async recipient(subject, order = ['client', 'helo', 'sender', 'recipient']) {
      const refused = await all(order, subject);
      if (refused !== null) return refused;
      // Whatever the lists say, nobody relays who is neither in mynetworks nor logged in, and a recipient must exist.
      if (!subject.trusted && subject.login === null && !isOurs(subject)) return relayDenied(subject);
      return unlisted(subject);
    },
    listed: (subject) => unlisted(subject),
    data: (subject) => all(['data'], subject),
  };
}
