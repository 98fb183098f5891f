import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { Fault } from '../../mail/fault.ts';
import type { Reply } from '../../mail/reply.ts';
import { shown } from '../refusal.ts';
import type { Restriction, Verdict } from '../restriction.ts';
import type { Stage, Subject } from '../subject.ts';
import { accessAction } from './access.ts';

/** How long a server may think. Milliseconds; Postfix's smtpd_policy_service_timeout is 100 s, longer than clients wait. */
const timeout = 20_000;
/** Octets of an answer. */
const longest = 8192;

const trouble: Reply = { code: 451, detail: '3.5', text: 'Server configuration problem' };
const states: Record<Stage, string> = { client: 'RCPT', helo: 'RCPT', sender: 'RCPT', recipient: 'RCPT', data: 'DATA' };

/** A server of others (greylisting, quotas of senders) is asked. Postfix's SMTPD_POLICY_README */
export const checkPolicyService: Restriction = {
  name: 'check_policy_service',
  argument: 'server',
  checkArgument: (argument) => void target(argument),
  async check(subject, { stage, argument }): Promise<Verdict> {
    const answer = await ask(target(argument), request(subject, stage)).catch(() => null);
    const action = /^action=(.*)$/m.exec(answer ?? '')?.[1]?.trim();
    return action === undefined || action === '' ? trouble : accessAction(action, stage, subject);
  },
};

/** `inet:host:port`, `inet:port`, `unix:/path`. @throws Fault syntax */
function target(argument: string): { readonly path: string } | { readonly host: string; readonly port: number } {
  const unix = /^unix:(\/.+)$/.exec(argument);
  if (unix !== null) return { path: unix[1]! };
  const [, host, port] = /^inet:(?:(.+):)?(\d{1,5})$/.exec(argument) ?? [];
  if (port === undefined) throw new Fault('syntax', `"${argument}" is no policy server; write inet:127.0.0.1:10023 or unix:/path`);
  return { host: host?.replace(/^\[(.*)\]$/, '$1') ?? '127.0.0.1', port: Number(port) };
}

function request(subject: Subject, stage: Stage): string {
  const attributes: readonly (readonly [string, string])[] = [
    ['request', 'smtpd_access_policy'],
    ['protocol_state', states[stage]],
    ['protocol_name', 'ESMTP'],
    ['helo_name', subject.helo],
    ['queue_id', ''],
    ['sender', shown(subject.reversePath)],
    ['recipient', shown(subject.forwardPath)],
    ['recipient_count', stage === 'data' ? String(subject.recipients) : '0'],
    ['client_address', subject.remoteAddress],
    ['client_name', subject.remoteName],
    ['reverse_client_name', subject.reverseName ?? 'unknown'],
    ['instance', subject.session],
    ['sasl_username', subject.login?.address ?? ''],
    ['size', '0'],
  ];
  return `${attributes.map(([name, value]) => `${name}=${value.replace(/[\r\n\0]/g, '?')}\n`).join('')}\n`;
}

/** One question over one connection. */
function ask(where: NetConnectOpts, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(where);
    let answer = '';
    socket.setTimeout(timeout, () => socket.destroy(new Error('timed out')));
    socket.on('error', reject);
    socket.on('connect', () => socket.write(text));
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('utf8');
      if (answer.length > longest) socket.destroy(new Error('too long'));
      else if (/\r?\n\r?\n/.test(answer)) {
        resolve(answer);
        socket.destroy();
      }
    });
    socket.on('close', () => reject(new Error('closed')));
  });
}
