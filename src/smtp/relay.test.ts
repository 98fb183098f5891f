import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SmtpWorld, smtpWorld } from '../../test/support/smtp.ts';

const our = 'example.com';
const foreign = 'relaytest.example.net';
const ip = '127.0.0.1';

/** The probe families of the open-relay testers: sender, recipient. */
const probes: readonly (readonly [string, string])[] = [
  [`<spamtest@${foreign}>`, `<relaytest@${foreign}>`],
  ['<spamtest>', `<relaytest@${foreign}>`],
  ['<>', `<relaytest@${foreign}>`],
  ['<spamtest@localhost>', `<relaytest@${foreign}>`],
  ['<spamtest@mail.example.com>', `<relaytest@${foreign}>`],
  [`<spamtest@[${ip}]>`, `<relaytest@${foreign}>`],
  [`<spamtest@${our}>`, `<relaytest@${foreign}>`],
  [`<user1@${our}>`, `<relaytest@${foreign}>`],
  [`<spamtest@[${ip}]>`, `<relaytest%${foreign}@${our}>`],
  [`<spamtest@[${ip}]>`, `<relaytest%${foreign}@[${ip}]>`],
  [`<spamtest@[${ip}]>`, `<"relaytest@${foreign}">`],
  [`<spamtest@[${ip}]>`, `<"relaytest%${foreign}">`],
  [`<spamtest@[${ip}]>`, `<relaytest@${foreign}@${our}>`],
  [`<spamtest@[${ip}]>`, `<"relaytest@${foreign}"@${our}>`],
  [`<spamtest@[${ip}]>`, `<"relaytest@${foreign}"@[${ip}]>`],
  [`<spamtest@[${ip}]>`, `<relaytest@${foreign}@[${ip}]>`],
  [`<spamtest@[${ip}]>`, `<@${our}:relaytest@${foreign}>`],
  [`<spamtest@[${ip}]>`, `<@[${ip}]:relaytest@${foreign}>`],
  [`<spamtest@[${ip}]>`, `<${foreign}!relaytest>`],
  [`<spamtest@[${ip}]>`, `<${foreign}!relaytest@${our}>`],
  [`<spamtest@[${ip}]>`, `<${foreign}!relaytest@[${ip}]>`],
  [`<spamtest@[${ip}]>`, `<relaytest%${foreign}>`],
  [`<spamtest@${our}>`, `relaytest@${foreign}`],
  [`<spamtest@${our}>`, `<@${our},@x.example:relaytest@${foreign}>`],
  [`<spamtest@${our}>`, `<relaytest@${foreign}.>`],
  [`<spamtest@${our}>`, `<relaytest@[192.0.2.1]>`],
];

const lists: readonly (readonly [string, readonly string[]])[] = [
  ['the default list', ['permit_mynetworks', 'permit_sasl_authenticated', 'reject_unauth_destination']],
  ['no list', []],
  ['a list that permits all', ['permit']],
  ['a table that says OK', [`check_recipient_access inline:{${foreign}=OK, ${our}=OK}`, 'reject_unauth_destination']],
];

describe.each(lists)('a stranger meets %s', (_, recipient) => {
  let world: SmtpWorld;
  beforeAll(async () => {
    const restrictions = { client: [], helo: [], sender: [], recipient, data: [] };
    world = await smtpWorld('mta', { settings: { mynetworks: [], restrictions, hardErrorLimit: 1000 } });
    // A catch-all makes every local part one of ours; still nobody relays by it.
    world.directory.aliases.set(`@${our}`, [`user1@${our}`]);
  });
  afterAll(() => world.close());

  it.each(probes)('MAIL FROM:%s RCPT TO:%s is not relayed', async (sender, rcpt) => {
    const talk = await world.connect();
    await talk.reply();
    await talk.say('EHLO probe.example');
    expect(await talk.say(`MAIL FROM:${sender}`)).toBe('250 2.1.0 Ok');
    const reply = await talk.say(`RCPT TO:${rcpt}`);
    expect(reply).toMatch(/^(?:554 5\.7\.1 <.*>: Relay access denied|501 5\.1\.3 Bad recipient address syntax)$/);
    expect(await talk.say('DATA')).toBe('554 5.5.1 Error: no valid recipients');
    talk.close();
    expect(world.queue.mail).toHaveLength(0);
  });

  it('who says whom he writes to in our domain is welcome', async () => {
    const talk = await world.connect();
    await talk.reply();
    await talk.say('EHLO probe.example');
    await talk.say('MAIL FROM:<a@b.example>');
    expect(await talk.say(`RCPT TO:<user1@${our}>`)).toBe('250 2.1.5 Ok');
    talk.close();
  });
});

describe('a client from mynetworks', () => {
  it('relays, but not by a route in the local part, and not to this host itself', async () => {
    const world = await smtpWorld('mta');
    const talk = await world.connect();
    await talk.reply();
    await talk.say('EHLO c');
    await talk.say('MAIL FROM:<user1@example.com>');
    expect(await talk.say('RCPT TO:<a@relay.example>')).toBe('250 2.1.5 Ok');
    expect(await talk.say('RCPT TO:<@x.example:b@relay.example>')).toBe('250 2.1.5 Ok');
    expect(await talk.say('RCPT TO:<a%x.example@relay.example>')).toMatch(/^550 5\.1\.3/);
    expect(await talk.say('RCPT TO:<root@localhost>')).toMatch(/^550 5\.1\.1 <root@localhost>: .* User unknown in local recipient table/);
    expect(await talk.say('RCPT TO:<root>')).toMatch(/^550 5\.1\.1 <root@mail\.example\.com>/);
    expect(await talk.say('RCPT TO:<a@[127.0.0.1]>')).toMatch(/^550 5\.1\.1/);
    talk.write('DATA\r\n');
    await talk.reply();
    talk.write('Subject: x\r\n\r\n.\r\n');
    expect(await talk.reply()).toMatch(/^250/);
    expect(world.queue.mail[0]!.recipients.map(({ address }) => `${address.localPart}@${address.domain}`)).toEqual([
      'a@relay.example',
      'b@relay.example',
    ]);
    talk.close();
    await world.close();
  });

  it('reaches postmaster without a domain', async () => {
    const world = await smtpWorld('mta');
    world.directory.aliases.set('postmaster@example.com', ['user1@example.com']);
    const talk = await world.connect();
    await talk.reply();
    await talk.say('EHLO c');
    await talk.say('MAIL FROM:<>');
    expect(await talk.say('RCPT TO:<Postmaster>')).toBe('250 2.1.5 Ok');
    talk.close();
    await world.close();
  });
});
