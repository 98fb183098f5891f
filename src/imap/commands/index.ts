import type { AnyCommand } from '../command.ts';
import type { LiteralPolicy } from '../reader.ts';
import { deleteAcl, getAcl, listRights, myRights, setAcl } from './acl.ts';
import { append, appendLiterals } from './append.ts';
import { authenticate } from './authenticate.ts';
import { cancelUpdate } from './cancel-update.ts';
import { capability } from './capability.ts';
import { check } from './check.ts';
import { close, unselect } from './close.ts';
import { compress } from './compress.ts';
import { copy, move, uidCopy, uidMove } from './copy.ts';
import { create } from './create.ts';
import { deleteMailbox } from './delete.ts';
import { enable } from './enable.ts';
import { esearch } from './esearch.ts';
import { expunge, uidExpunge } from './expunge.ts';
import { fetch, uidFetch } from './fetch.ts';
import { id } from './id.ts';
import { idle } from './idle.ts';
import { list } from './list.ts';
import { login } from './login.ts';
import { logout } from './logout.ts';
import { lsub } from './lsub.ts';
import { getMetadata, setMetadata } from './metadata.ts';
import { namespace } from './namespace.ts';
import { noop } from './noop.ts';
import { notify } from './notify.ts';
import { getQuota, getQuotaRoot, setQuota } from './quota.ts';
import { rename } from './rename.ts';
import { replace, replaceLiterals, uidReplace } from './replace.ts';
import { search, uidSearch } from './search.ts';
import { examine, select } from './select.ts';
import { sort, uidSort } from './sort.ts';
import { starttls } from './starttls.ts';
import { status } from './status.ts';
import { store, uidStore } from './store.ts';
import { subscribe, unsubscribe } from './subscribe.ts';
import { thread, uidThread } from './thread.ts';
import { uidBatches } from './uid-batches.ts';
import { unauthenticate } from './unauthenticate.ts';
import { genUrlAuth, resetKey, urlFetch } from './urlauth.ts';

const rows: readonly AnyCommand[] = [
  capability,
  noop,
  logout,
  id,
  starttls,
  authenticate,
  login,
  enable,
  select,
  examine,
  create,
  deleteMailbox,
  rename,
  subscribe,
  unsubscribe,
  list,
  lsub,
  namespace,
  status,
  append,
  idle,
  getQuota,
  getQuotaRoot,
  setQuota,
  uidBatches,
  setAcl,
  deleteAcl,
  getAcl,
  listRights,
  myRights,
  getMetadata,
  setMetadata,
  genUrlAuth,
  resetKey,
  urlFetch,
  notify,
  check,
  close,
  unselect,
  expunge,
  uidExpunge,
  search,
  uidSearch,
  esearch,
  cancelUpdate,
  fetch,
  uidFetch,
  store,
  uidStore,
  copy,
  uidCopy,
  move,
  uidMove,
  replace,
  uidReplace,
  sort,
  uidSort,
  thread,
  uidThread,
  compress,
  unauthenticate,
];

/** Every command by its name. */
export const commands: ReadonlyMap<string, AnyCommand> = new Map(rows.map((row) => [row.name, row]));

/** Commands whose literals are messages. */
export const literalPolicies: ReadonlyMap<string, LiteralPolicy> = new Map([
  ['APPEND', appendLiterals],
  ['REPLACE', replaceLiterals],
  ['UID REPLACE', replaceLiterals],
]);
