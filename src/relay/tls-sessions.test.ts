import { createHash, X509Certificate } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { selfSigned } from '../../test/support/certificate.ts';
import { type Sink, type SinkScript, startSink } from '../../test/support/smtp-sink.ts';
import { silentLog } from '../base/log.ts';
import type { TlsaRecord } from '../net/dns.ts';
import type { SmtpClient, TlsProof } from './client.ts';
import { openSession, Unusable } from './connector.ts';
import { defaultRelaySettings, type TlsLevel } from './settings.ts';
import { TlsSessions } from './tls-sessions.ts';

const pem = selfSigned('mx.there.test');
const tls = { cert: pem, key: pem };
const hour = 3_600_000;

const sinks: Sink[] = [];
const clients: SmtpClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  for (const sink of sinks.splice(0)) await sink.close();
});
async function sink(script: SinkScript = { tls }): Promise<Sink> {
  const started = await startSink(script);
  sinks.push(started);
  return started;
}

function tlsa(usage: number, certificate = pem): TlsaRecord {
  const spki = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
  return { usage, selector: 1, matching: 1, data: createHash('sha256').update(spki).digest() };
}

/** Sessions to a sink, all with what was kept of those before. */
function opener(port: number, sessions = new TlsSessions([pem])) {
  let now = Date.now();
  const timeouts = { connect: 500, greeting: 500, command: 500, dataInitiation: 500, dataBlock: 500, dataDone: 500 };
  const settings = { ...defaultRelaySettings, hostname: 'here.test', timeouts };
  const deps = { settings, tlsSessions: sessions, log: silentLog, now: () => now };
  return {
    later: (time: number) => {
      now += time;
    },
    open: async (level: TlsLevel, more: { tlsa?: TlsaRecord[]; host?: string; implicitTls?: boolean } = {}): Promise<boolean | null> => {
      const route = { protocol: 'smtp', host: 'there.test', mx: true, port, implicitTls: more.implicitTls === true, nextHop: 'x' } as const;
      const host = { host: more.host ?? 'mx.there.test', address: '127.0.0.1', authenticated: true };
      const policy = { level, tlsa: more.tlsa ?? [], type: 'configured', testing: false } as const;
      const client = await openSession(route, host, policy, null, undefined, deps, new AbortController().signal);
      clients.push(client);
      return client.tls?.resumed ?? null;
    },
  };
}

describe('TLS sessions of next hops', () => {
  it.each(['may', 'encrypt', 'verify'] as const)('are resumed under the level that they were made under: %s', async (level) => {
    const s = await sink();
    const { open } = opener(s.port);
    expect([await open(level), await open(level), await open(level)]).toEqual([false, true, true]);
    expect(s.resumed).toBe(2);
  });

  it('are resumed where TLS begins with the connection', async () => {
    const { open } = opener((await sink({ tls, implicitTls: true })).port);
    const implicitTls = true;
    expect([await open('none', { implicitTls }), await open('encrypt', { implicitTls })]).toEqual([false, true]);
  });

  it('are not offered under another level, nor to another name', async () => {
    const { open } = opener((await sink()).port);
    for (const level of ['may', 'encrypt', 'verify'] as const) expect(await open(level)).toBe(false);
    expect(await open('dane', { tlsa: [tlsa(3)] })).toBe(false);
    expect(await open('may', { host: 'mx2.there.test' })).toBe(false);
  });

  it('are not kept of a server that did not prove what it must', async () => {
    const s = await sink();
    const untrusting = opener(s.port, new TlsSessions([]));
    for (let i = 0; i < 2; i++) await expect(untrusting.open('verify')).rejects.toThrow(Unusable);
    const { open } = opener(s.port);
    for (let i = 0; i < 2; i++) await expect(open('verify', { host: 'other.test' })).rejects.toThrow('not trusted');
    expect(s.resumed).toBe(0);
  });

  it('are held against the TLSA records of the day', async () => {
    const s = await sink();
    const { open } = opener(s.port);
    expect([await open('dane', { tlsa: [tlsa(3)] }), await open('dane', { tlsa: [tlsa(3)] })]).toEqual([false, true]);
    await expect(open('dane', { tlsa: [tlsa(3, selfSigned('mx.there.test'))] })).rejects.toThrow('TLSA');
  });

  it('are held against the authority that DANE-TA names, by the certificates of the time', async () => {
    const s = await sink();
    const { open, later } = opener(s.port);
    const ours = [tlsa(2)];
    expect([await open('dane', { tlsa: ours }), await open('dane', { tlsa: ours })]).toEqual([false, true]);
    await expect(open('dane', { tlsa: [tlsa(2, selfSigned('mx.there.test'))] })).rejects.toThrow('TLSA');
    later(30 * 24 * hour);
    await expect(open('dane', { tlsa: ours })).rejects.toThrow('TLSA');
  });

  it('end an hour after the proof, or with the certificate', async () => {
    const { open, later } = opener((await sink()).port);
    await open('may');
    later(hour - 1000);
    expect(await open('may')).toBe(true);
    later(2000);
    expect([await open('may'), await open('may')]).toEqual([false, true]);

    const short = opener((await sink()).port);
    await short.open('verify');
    short.later(new X509Certificate(pem).validToDate.getTime() - Date.now() - hour / 2);
    expect([await short.open('verify'), await short.open('verify')]).toEqual([false, true]);
    short.later(hour / 2 + 1000);
    expect(await short.open('verify')).toBe(false);
  });

  it.each(['may', 'verify'] as const)('are given up, not TLS, where the server stumbles over them: %s', async (level) => {
    const s = await sink({ tls, resetResumed: true });
    const { open } = opener(s.port);
    expect([await open(level), await open(level), await open(level)]).toEqual([false, false, false]);
    expect(s.sessions).toBe(5);
  });

  it('are new where the server has other keys', async () => {
    const s = await sink();
    const { open } = opener(s.port, new TlsSessions([]));
    await open('may');
    s.script.tls = { cert: selfSigned('mx.there.test'), key: '' };
    s.script.tls.key = s.script.tls.cert;
    expect([await open('may'), await open('may')]).toEqual([false, true]);
  });

  it('are so many at most', () => {
    const sessions = new TlsSessions([]);
    const client = { tls: { resumed: false } as TlsProof, tlsSession: Buffer.alloc(1) };
    const policy = { level: 'may', tlsa: [], type: 'configured', testing: false } as const;
    for (let n = 0; n < 1500; n++) sessions.keep(`${n}`, client, policy, 0);
    expect([sessions.find('499', 0), sessions.find('500', 0)?.session]).toEqual([null, Buffer.alloc(1)]);
  });
});
