import { setTimeout as wait } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { imapServer } from '../../test/support/imap.ts';
import { memoryStore } from '../../test/support/memory-store.ts';
import { type Log, type LogFields, silentLog } from '../base/log.ts';
import { CommandWatch } from '../net/command-watch.ts';
import type { MailStore } from '../store/store.ts';

/** A store in which making a mailbox takes a while. */
function slowStore(milliseconds: number): MailStore {
  const store = memoryStore();
  return {
    ...store,
    async open(account) {
      const mail = await store.open(account);
      const create = mail.create.bind(mail);
      mail.create = async (...args) => {
        await wait(milliseconds);
        return create(...args);
      };
      return mail;
    },
    close: () => store.close(),
  };
}

it('says that a long command is under way, and logs once what it waits for. RFC 9585 3', async () => {
  const warned: LogFields[] = [];
  const log: Log = { ...silentLog, warn: (fields, msg) => void (msg === 'command unanswered' && warned.push(fields)), child: () => log };
  const watch = new CommandWatch('imap', { interval: 40, patience: 60 });
  const server = await imapServer({ store: slowStore(300), watch, log });
  try {
    const client = await server.client('ann');
    const lines = await client.command('CREATE slow');
    expect(lines.slice(0, -1).length).toBeGreaterThan(1);
    for (const line of lines.slice(0, -1)) expect(line).toMatch(/^\* OK \[INPROGRESS \("[^"]+" NIL NIL\)\] /);
    expect(lines.at(-1)).toMatch(/^OK /);
    expect(warned).toEqual([expect.objectContaining({ command: 'CREATE', state: 'authenticated', waits_for: 'store' })]);
    expect(await client.command('NOOP')).toEqual(['OK NOOP completed.']);
    // IDLE is meant to take long.
    client.send('i IDLE\r\n');
    expect(await client.line()).toBe('+ idling');
    await wait(150);
    client.send('DONE\r\n');
    expect(await client.line()).toBe('i OK Idle completed.');
    expect(warned.length).toBe(1);
  } finally {
    await server.close();
  }
});
