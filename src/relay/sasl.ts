import { createHmac } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { SmtpClient } from './client.ts';
import { replyText } from './reply.ts';

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** Passwords by next hop, from a file as Postfix's sasl_passwd; read again when it changes. */
export class PasswordFile {
  readonly #path: string;
  #stamp = '';
  #entries = new Map<string, Credentials>();

  constructor(path: string) {
    this.#path = path;
  }

  /** By the first of `keys` that has an entry. @throws Error when the file cannot be read */
  find(...keys: readonly string[]): Credentials | null {
    if (this.#path === '') return null;
    const { mtimeMs, size } = statSync(this.#path);
    const stamp = `${mtimeMs} ${size}`;
    if (stamp !== this.#stamp) {
      this.#entries = parsePasswords(readFileSync(this.#path, 'utf8'));
      this.#stamp = stamp;
    }
    for (const key of keys) {
      const found = this.#entries.get(key.toLowerCase());
      if (found !== undefined) return found;
    }
    return null;
  }
}

export function parsePasswords(text: string): Map<string, Credentials> {
  const entries = new Map<string, Credentials>();
  for (const line of text.split('\n')) {
    const match = /^([^#\s]\S*)\s+([^:]+):(.*?)\s*$/.exec(line);
    if (match !== null) entries.set(match[1]!.toLowerCase(), { user: match[2]!, password: match[3]! });
  }
  return entries;
}

/**
 * Logs in at a next hop by the best mechanism that it offers. RFC 4954
 *
 * @returns null, or the reply that says why not
 */
export async function logIn(client: SmtpClient, { user, password }: Credentials): Promise<string | null> {
  const offered = new Set((client.extensions.get('AUTH') ?? '').toUpperCase().split(/[\s=]+/));
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const { command } = client.options.timeouts;
  const secret = async (line: string) => {
    client.send(line);
    return client.read(command, 'logging in');
  };
  const loopback = /^(127\.|::1$)/.test(client.options.address);
  if (offered.has('PLAIN') && (client.tls !== null || loopback)) {
    const reply = await secret(`AUTH PLAIN ${base64(`\0${user}\0${password}`)}`);
    return reply.code === 235 ? null : replyText(reply);
  }
  if (offered.has('LOGIN') && (client.tls !== null || loopback)) {
    let reply = await secret('AUTH LOGIN');
    if (reply.code === 334) reply = await secret(base64(user));
    if (reply.code === 334) reply = await secret(base64(password));
    return reply.code === 235 ? null : replyText(reply);
  }
  if (offered.has('CRAM-MD5')) {
    let reply = await secret('AUTH CRAM-MD5');
    if (reply.code === 334) {
      const challenge = Buffer.from(reply.lines[0] ?? '', 'base64');
      reply = await secret(base64(`${user} ${createHmac('md5', password).update(challenge).digest('hex')}`));
    }
    return reply.code === 235 ? null : replyText(reply);
  }
  return `454 4.7.0 ${client.name} offers no way to log in that may be used here`;
}
