import { Fault } from '../../mail/fault.ts';
import { command } from '../command.ts';
import { astring } from '../grammar/format.ts';
import { mailboxOnly } from '../grammar/mailbox.ts';
import type { Session } from '../session.ts';

const root = 'User quota';

function quotaResponse({ mail }: Session): string {
  const { bytes } = mail!.usage();
  const { quota } = mail!.account;
  // KiB. RFC 9208 5.1
  const resources = quota > 0 ? `STORAGE ${Math.ceil(bytes / 1024)} ${Math.ceil(quota / 1024)}` : '';
  return `QUOTA ${astring(root)} (${resources})`;
}

/** RFC 9208 4.2 */
export const getQuota = command({
  name: 'GETQUOTA',
  capabilities: ['QUOTA', 'QUOTA=RES-STORAGE'],
  states: ['authenticated', 'selected'],

  parse(line) {
    line.space();
    const name = line.astring();
    line.end();
    return name;
  },

  run(name, session) {
    if (name !== root) return { no: '[NONEXISTENT] No such quota root' };
    session.out.untagged(quotaResponse(session));
    return;
  },
});

/** Limits are the administrator's to set (`postcote user add --quota`), never by IMAP. RFC 9208 4.1.3 */
export const setQuota = command({
  name: 'SETQUOTA',
  capabilities: ['QUOTASET'],
  states: ['authenticated', 'selected'],

  parse(line) {
    line.space();
    const name = line.astring();
    line.space();
    line.list(() => {
      line.atom();
      line.space();
      line.number64();
    });
    line.end();
    return name;
  },

  run: (name) => ({ no: name === root ? '[NOPERM] Limits are set by the administrator' : '[NONEXISTENT] No such quota root' }),
});

/** RFC 9208 4.3 */
export const getQuotaRoot = command({
  name: 'GETQUOTAROOT',
  states: ['authenticated', 'selected'],

  parse: mailboxOnly,

  run(name, session) {
    const found = session.mail!.find(session.fromWire(name));
    if (found === null || !/[lr]/.test(session.mail!.rights(found.id))) throw new Fault('noSuchMailbox', name);
    // What others have is theirs to know.
    if (session.mail!.isShared(found.id)) {
      session.out.untagged(`QUOTAROOT ${session.toWire(found.name)}`);
      return;
    }
    session.out.untagged(`QUOTAROOT ${session.toWire(found.name)} ${astring(root)}`);
    session.out.untagged(quotaResponse(session));
  },
});
