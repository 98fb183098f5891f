import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startDns, type TestDns } from '../../test/support/dns-server.ts';
import { type Sink, type SinkScript, startSink } from '../../test/support/smtp-sink.ts';
import { silentLog } from '../base/log.ts';
import { splitAddress } from '../mail/address.ts';
import { createDns } from '../net/dns-resolver.ts';
import { CallAhead, type Verdict } from './call-ahead.ts';
import { defaultRelaySettings, type RelaySettings } from './settings.ts';

let dns: TestDns;
let sink: Sink;
let now = 0;
beforeEach(async () => {
  sink = await startSink();
  dns = await startDns({ 'there.test MX': [{ preference: 10, exchange: 'mx.there.test' }], 'mx.there.test A': ['127.0.0.1'] });
});
afterEach(async () => {
  await sink.close();
  await dns.close();
});

function callAhead(settings: Partial<RelaySettings> = {}): (address: string) => Promise<Verdict> {
  const ahead = new CallAhead(
    { ...defaultRelaySettings, hostname: 'backup.test', port: sink.port, ...settings },
    { positiveTtl: 1_000_000, negativeTtl: 50_000 },
    { dns: createDns({ servers: [dns], timeout: 200, attempts: 1 }), log: silentLog, now: () => now, ownAddresses: () => false },
  );
  return (address) => ahead.ask(splitAddress(address)!);
}

const says = (at: string, reply: string | null): SinkScript => ({ on: (verb) => (verb === at ? reply : undefined) });

describe('call-ahead', () => {
  it('asks by RCPT with a null sender and sends nothing', async () => {
    sink.script = { on: (verb, line) => (verb === 'RCPT' && line.includes('nobody') ? '550 5.1.1 No such user' : undefined) };
    const ask = callAhead();
    expect(await Promise.all([ask('bob@there.test'), ask('nobody@there.test')])).toEqual(['known', 'unknown']);
    expect(sink.lines.filter((line) => line.startsWith('MAIL'))).toEqual(['MAIL FROM:<>', 'MAIL FROM:<>']);
    expect(sink.lines).not.toContain('DATA');
  });

  it('asks each address once while its answer is kept, however many want to know', async () => {
    sink.script = { on: (verb, line) => (verb === 'RCPT' && line.includes('nobody') ? '550 5.1.1 No such user' : undefined) };
    const ask = callAhead();
    const asked = (): number => sink.lines.filter((line) => line.startsWith('RCPT')).length;
    await Promise.all(Array.from({ length: 10 }, () => ask('bob@there.test')));
    expect(await ask('bob@THERE.test')).toBe('known');
    await ask('nobody@there.test');
    expect(asked()).toBe(2);
    now += 60_000;
    expect(await Promise.all([ask('nobody@there.test'), ask('bob@there.test')])).toEqual(['unknown', 'known']);
    expect(asked()).toBe(3);
    now += 1_000_000;
    await ask('bob@there.test');
    expect(asked()).toBe(4);
  });

  it.each<[string, SinkScript]>([
    ['the host is busy', { greeting: '421 4.3.2 Busy' }],
    ['the host sends nobody away but the null sender', says('MAIL', '550 5.7.1 No bounces here')],
    ['the address is put off', says('RCPT', '450 4.2.0 Greylisted')],
    ['the connection breaks', says('RCPT', 'reset')],
  ])('is undecided where %s, and leaves the host alone for a while', async (_, script) => {
    sink.script = script;
    const ask = callAhead();
    expect(await ask('bob@there.test')).toBe('undecided');
    const { sessions } = sink;
    expect(await ask('bob@there.test')).toBe('undecided');
    expect(sink.sessions).toBe(sessions);
    sink.script = {};
    now += 31_000;
    expect(await ask('bob@there.test')).toBe('known');
  });

  it('asks the next host where the first cannot be asked', async () => {
    dns.zone['there.test MX'] = [
      { preference: 5, exchange: 'down.there.test' },
      { preference: 10, exchange: 'mx.there.test' },
    ];
    dns.zone['down.there.test A'] = ['127.0.0.9'];
    expect(await callAhead()('bob@there.test')).toBe('known');
  });

  it('never asks itself, or a host that is not better', async () => {
    dns.zone['there.test MX'] = [
      { preference: 5, exchange: 'backup.test' },
      { preference: 10, exchange: 'mx.there.test' },
    ];
    expect(await callAhead()('bob@there.test')).toBe('undecided');
    expect(sink.sessions).toBe(0);
  });
});
