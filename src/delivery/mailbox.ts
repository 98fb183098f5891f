import type { Log } from '../base/log.ts';
import type { Staged } from '../base/staging.ts';
import type { Account } from '../directory/directory.ts';
import { Fault, type FaultKind } from '../mail/fault.ts';
import type { MailStore } from '../store/store.ts';

/** Puts one message into an account's INBOX; durable when it resolves. @returns why not, null when it is there */
export async function deliverTo(
  store: MailStore,
  account: Account,
  message: Staged,
  prefix: string,
  log: Log,
  deliveryKey?: string,
): Promise<FaultKind | null> {
  try {
    const { id, address, home, quota } = account;
    const fields = { message, prefix: Buffer.from(prefix), flags: [] };
    await store.deliver({ id, address, home, quota }, 'INBOX', [deliveryKey === undefined ? fields : { ...fields, deliveryKey }]);
    return null;
  } catch (error) {
    if (error instanceof Fault) {
      if (error.kind !== 'overQuota') log.warn({ address: account.address, kind: error.kind, detail: error.detail }, 'not stored');
      return error.kind;
    }
    log.error({ address: account.address, err: error }, 'delivery failed');
    return 'internal';
  }
}

/** Whether the same may work later: what a queue keeps trying. */
export function isTemporary(kind: FaultKind): boolean {
  return !['noSuchUser', 'noSuchDomain', 'tooMany', 'tooBig', 'relayDenied', 'badName', 'accountDisabled'].includes(kind);
}
