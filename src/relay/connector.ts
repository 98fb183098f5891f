import { isIP } from 'node:net';
import type { Log } from '../base/log.ts';
import { Broken, type OldSession, SmtpClient } from './client.ts';
import { daneMatches } from './dane.ts';
import type { HostAddress } from './hosts.ts';
import { enhancedStatus, replyText } from './reply.ts';
import type { Route } from './route.ts';
import { type Credentials, logIn } from './sasl.ts';
import type { RelaySettings } from './settings.ts';
import type { HostPolicy } from './tls-policy.ts';
import { sessionKey, type TlsSessions } from './tls-sessions.ts';

/** A host that could not be used, as a reply: `451 4.4.1 …`. The next one may. */
export class Unusable extends Error {
  /** Failure of TLS, in TLS-RPT's words. RFC 8460 4.3 */
  readonly tls: string | null;

  constructor(reply: string, tls: string | null = null) {
    super(reply);
    this.tls = tls;
  }
}

export interface ConnectDeps {
  readonly settings: RelaySettings;
  readonly tlsSessions: TlsSessions;
  readonly log: Log;
  readonly now: () => number;
}

/** A session that is greeted, secured as the policy asks and logged in. @throws Unusable */
export async function openSession(
  route: Route,
  host: HostAddress,
  wanted: HostPolicy,
  credentials: Credentials | null,
  localAddress: string | undefined,
  deps: ConnectDeps,
  signal: AbortSignal,
): Promise<SmtpClient> {
  const { settings } = deps;
  const policy: HostPolicy = route.implicitTls && wanted.level === 'none' ? { ...wanted, level: 'encrypt' } : wanted;
  let client: SmtpClient | null = null;
  const connect = async (): Promise<SmtpClient> => {
    client = await SmtpClient.connect(
      {
        host: host.host,
        address: host.address,
        port: route.port,
        protocol: route.protocol,
        helo: settings.hostname,
        timeouts: settings.timeouts,
        ...(localAddress !== undefined && { localAddress }),
      },
      signal,
    );
    return client;
  };
  const stop = (): void => client?.destroy();
  signal.addEventListener('abort', stop, { once: true });
  const key = sessionKey(route, host, policy);
  const greeted = async (asked: HostPolicy, session: OldSession | null): Promise<SmtpClient | null> => {
    const client = await connect();
    try {
      if (await greet(client, route, host, asked, session, deps)) return client;
      client.destroy();
      return null;
    } catch (error) {
      client.destroy();
      if (!client.resuming || !(error instanceof Broken)) throw error;
      // It may be the old session that the server stumbles over.
      deps.tlsSessions.forget(key);
      return greeted(asked, null);
    }
  };
  try {
    // Opportunistic TLS failed: better in the clear than not at all. RFC 7435 3
    const client = (await greeted(policy, deps.tlsSessions.find(key, deps.now()))) ?? (await greeted({ ...policy, level: 'none' }, null))!;
    if (credentials !== null) {
      const refused = await logIn(client, credentials);
      // A wrong password of ours is no reason to return mail.
      if (refused !== null) throw new Unusable(`454 4.7.8 ${client.name} refused to log us in: ${refused}`);
    }
    // Tickets have come by the reply to EHLO.
    deps.tlsSessions.keep(key, client, policy, deps.now());
    return client;
  } catch (error) {
    stop();
    if (error instanceof Broken) throw new Unusable(`451 4.4.2 ${error.message}`);
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** @param session to resume; @returns false when TLS was tried only because it was offered, and failed */
async function greet(
  client: SmtpClient,
  route: Route,
  host: HostAddress,
  policy: HostPolicy,
  session: OldSession | null,
  deps: ConnectDeps,
): Promise<boolean> {
  const { timeouts } = client.options;
  if (route.implicitTls) await secure(client, host, route, policy, session, deps);
  const greeting = await client.read(timeouts.greeting, 'receiving the greeting');
  client.greeting = greeting.lines[0] ?? '';
  // A 5xx greeting is about the host, not the mail: the next one is asked. Postfix: smtp_skip_5xx_greeting
  if (greeting.code !== 220) throw new Unusable(asTemporary(client, replyText(greeting)));
  await hello(client);
  if (route.implicitTls || policy.level === 'none') return true;
  if (!client.extensions.has('STARTTLS')) {
    if (policy.level === 'may') return true;
    throw new Unusable(`451 4.7.4 TLS is required, but was not offered by ${client.name}`, 'starttls-not-supported');
  }
  try {
    const reply = await client.command('STARTTLS');
    if (reply.code !== 220) {
      if (policy.level === 'may') return true;
      throw new Unusable(asTemporary(client, replyText(reply)), 'starttls-not-supported');
    }
    await secure(client, host, route, policy, session, deps);
    await hello(client);
    return true;
  } catch (error) {
    if (policy.level !== 'may' || session !== null || !(error instanceof Broken)) throw error;
    deps.log.info({ relay: client.name, error: error.message }, 'TLS failed, going on without');
    return false;
  }
}

async function hello(client: SmtpClient): Promise<void> {
  const reply = await client.hello();
  if (reply.code !== 250) throw new Unusable(asTemporary(client, replyText(reply)));
}

async function secure(
  client: SmtpClient,
  host: HostAddress,
  route: Route,
  policy: HostPolicy,
  session: OldSession | null,
  { tlsSessions, now }: ConnectDeps,
): Promise<void> {
  try {
    await client.startTls({ secureContext: tlsSessions.contextFor(policy) }, session);
  } catch (error) {
    if (policy.level === 'may' || session !== null || !(error instanceof Broken)) throw error;
    throw new Unusable(`451 4.7.5 ${error.message}`, 'validation-failure');
  }
  const tls = client.tls!;
  const untrusted = policy.level === 'verify' ? tls.untrusted : null;
  if (untrusted !== null) throw new Unusable(`451 4.7.5 Certificate of ${client.name} not trusted: ${untrusted}`, tlsResult(untrusted));
  if (policy.level === 'dane' && !daneMatches(policy.tlsa, tls.certificate, isIP(host.host) === 0 ? [host.host, route.host] : [], now())) {
    throw new Unusable(`451 4.7.5 Certificate of ${client.name} does not match its TLSA records`, 'validation-failure');
  }
}

/** RFC 8460 4.3.2.1 */
export function tlsResult(untrusted: string): string {
  if (/EXPIRED/i.test(untrusted)) return 'certificate-expired';
  if (/altnames|ALTNAME|does not match|Host:/i.test(untrusted)) return 'certificate-host-mismatch';
  return 'certificate-not-trusted';
}

/** What a host says of itself, not of a message, never returns mail: its words under a 4xx of ours. */
function asTemporary(client: SmtpClient, reply: string): string {
  if (reply.startsWith('4')) return reply;
  const status = enhancedStatus(reply);
  return `451 ${status === null ? '4.3.0' : `4${status.slice(1)}`} ${client.name} said: ${reply}`;
}
