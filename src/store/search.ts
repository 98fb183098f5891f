import type { MailboxId } from '../mail/numbers.ts';
import type { SearchKey } from '../mail/search.ts';
import type { AccountStore } from './store.ts';

export async function searchMailbox(_store: AccountStore, _id: MailboxId, _key: SearchKey): Promise<Uint32Array> {
  throw new Error('not yet');
}
