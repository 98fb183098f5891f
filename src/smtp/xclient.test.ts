import { afterEach, describe, expect, it } from 'vitest';
import { type SmtpTalk, type SmtpWorld, smtpWorld } from '../../test/support/smtp.ts';

let world: SmtpWorld;
let talk: SmtpTalk;
afterEach(async () => {
  talk.close();
  await world.close();
});

describe('XCLIENT', () => {
  it('makes another client of it, from whom nothing is known', async () => {
    world = await smtpWorld('mta', { settings: { xclientHosts: ['127.0.0.1'] } });
    talk = await world.connect();
    await talk.reply();
    expect(await talk.say('EHLO proxy')).toMatch(/250 XCLIENT NAME ADDR PORT PROTO HELO LOGIN$/);
    expect(await talk.say('XCLIENT ADDR=nonsense')).toMatch(/^501/);
    expect(await talk.say('XCLIENT NAME=a+0Ab ADDR=192.0.2.7')).toMatch(/^501/);
    expect(await talk.say('XCLIENT ADDR=192.0.2.7 NAME=client.b.example')).toBe('220 mail.example.com ESMTP');
    expect(await talk.say('MAIL FROM:<a@b.example>')).toBe('503 5.5.1 Error: send HELO/EHLO first');
    expect(await talk.say('EHLO client')).not.toMatch(/XCLIENT|ETRN/);
    expect(await talk.say('XCLIENT ADDR=127.0.0.1')).toBe('550 5.7.0 Error: insufficient authorization');
    await talk.say('MAIL FROM:<a@b.example>');
    expect(await talk.say('RCPT TO:<x@remote.example>')).toBe('554 5.7.1 <x@remote.example>: Relay access denied');
    await talk.say('RCPT TO:<user1@example.com>');
    await talk.say('DATA');
    expect(await talk.say('\r\n.')).toMatch(/^250/);
    expect(world.store.messages[0]!.text).toContain('Received: from client (client.b.example [192.0.2.7])\n');
  });

  it('logs a client in', async () => {
    world = await smtpWorld('mta', { settings: { xclientHosts: ['127.0.0.1'], mynetworks: [] } });
    talk = await world.connect();
    await talk.reply();
    await talk.say('EHLO proxy');
    expect(await talk.say('XCLIENT ADDR=192.0.2.7 LOGIN=user1@example.com')).toMatch(/^220/);
    await talk.say('EHLO client');
    await talk.say('MAIL FROM:<user1@example.com>');
    expect(await talk.say('RCPT TO:<x@remote.example>')).toBe('250 2.1.5 Ok');
  });

  it('is not for others', async () => {
    world = await smtpWorld('mta');
    talk = await world.connect();
    await talk.reply();
    expect(await talk.say('EHLO c')).not.toMatch(/XCLIENT/);
    expect(await talk.say('XCLIENT ADDR=192.0.2.7')).toBe('550 5.7.0 Error: insufficient authorization');
  });
});
