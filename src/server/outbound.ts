import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { localTransport } from '../delivery/local-transport.ts';
import { programTransport } from '../delivery/program-transport.ts';
import type { DirectorySource } from '../directory/directory.ts';
import type { Address } from '../mail/address.ts';
import type { Dns } from '../net/dns.ts';
import { noticeWriter } from '../queue/notice.ts';
import { type OpenQueue, openQueue } from '../queue/open.ts';
import { startRunner } from '../queue/runner.ts';
import type { Job, Transport } from '../queue/transport.ts';
import { DkimSigner } from '../relay/dkim.ts';
import { MtaSts } from '../relay/mta-sts.ts';
import type { Srs } from '../relay/srs.ts';
import { fetchStsPolicy } from '../relay/sts-fetch.ts';
import { TlsReport } from '../relay/tls-report.ts';
import { type RelayTransport, relayTransport } from '../relay/transport.ts';
import type { MailStore } from '../store/store.ts';
import type { Config } from './config/settings.ts';
import { forwardedSender } from './forwarding.ts';
import { isProgram, type LocalAliases } from './local-aliases.ts';
import { programUser } from './program-user.ts';
import { programUserSlice, queueSlice, relaySlice } from './slices.ts';

export interface OutboundDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly dns: Dns;
  readonly directory: DirectorySource;
  readonly store: MailStore;
  readonly srs: Srs;
  readonly aliases: LocalAliases;
}

export interface Outbound {
  readonly queue: OpenQueue;
  /** The next delivery goes by the new settings; those under way end by theirs. */
  replace(config: Config): void;
  close(deadlineMs: number): Promise<void>;
}

/** The queue, and what runs it in this process: local mail that had to wait, and mail to other servers. */
export function startOutbound(config: Config, { clock, log, dns, directory, store, srs, aliases }: OutboundDeps): Outbound {
  const settings = queueSlice(config);
  const sts = new MtaSts({ dns, fetch: fetchStsPolicy, clock, log, file: join(settings.dir, 'mta-sts.json') });
  const report = new TlsReport(settings.dir, clock);
  const relayOf = (now: Config): RelayTransport =>
    relayTransport(relaySlice(now), { clock, log, dns, sts, report, ownNames: new Set([now.hostname.toLowerCase()]) });
  let relay = relayOf(config);
  let local = config;
  const programs = programTransport({
    clock,
    log,
    holdersOf: (program) => aliases.holdersOf(program),
    userOf: programUser({ settings: () => programUserSlice(local), uid: process.getuid?.() ?? 1 }),
    timeLimit: () => local['local.command_time_limit'],
  });
  const isOurs = (address: Address): boolean => isProgram(address, config.hostname);
  const partsOf = (job: Job): { transport: Transport; part: Job }[] =>
    [true, false]
      .map((ours) => ({
        transport: ours ? programs : relay,
        part: { ...job, recipients: job.recipients.filter(({ address }) => isOurs(address) === ours) },
      }))
      .filter(({ part }) => part.recipients.length > 0);
  const relaying: Transport = {
    destination: (address) => (isOurs(address) ? programs : relay).destination(address),
    async deliver(job, say, signal) {
      for (const { transport, part } of partsOf(job)) await transport.deliver(part, say, signal);
    },
    timeLimit: (job) => partsOf(job).reduce((sum, { transport, part }) => sum + transport.timeLimit(part), 0),
    close: () => relay.close(),
  };
  const noticeOf = (now: Config) =>
    noticeWriter({
      hostname: now.hostname,
      language: now['relay.notice_language'],
      clock,
      settings,
      nextId: () => queue.nextId(),
      transportOf: async ({ domain }) => ((await directory.domain(domain)) === null ? 'relay' : 'local'),
    });
  let notice = noticeOf(config);
  const signer = new DkimSigner(join(config.data_dir, 'dkim'), () => clock.now());
  const forwarded = forwardedSender(directory, srs);
  const queue = openQueue(settings, {
    clock,
    log,
    sign: (mail) => signer.sign(mail),
    // A command gets the sender's own.
    reversePathOf: async (mail) =>
      mail.recipients.some(({ address }) => isOurs(address)) ? mail.envelope.reversePath : await forwarded(mail),
    destinationOf: (transport, address) => (transport === 'local' ? 'local' : relay.destination(address)),
  });
  const runner = startRunner(queue, {
    clock,
    log,
    transports: { local: localTransport({ directory, store, queue, log }), relay: relaying },
    notice: (due) => notice(due),
  });
  return {
    queue,
    replace(next) {
      const former = relay;
      // First what may throw: files that cannot be read.
      relay = relayOf(next);
      void former.close();
      Object.assign(settings, queueSlice(next));
      local = next;
      notice = noticeOf(next);
      void runner.kick();
    },
    async close(deadlineMs) {
      await runner.close(Math.max(0, deadlineMs - 500));
      await report.close();
      await sts.saved();
    },
  };
}
