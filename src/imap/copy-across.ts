import { type Staged, Staging } from '../base/staging.ts';
import { Fault } from '../mail/fault.ts';
import { firstKeywordBit, lettered, systemFlags } from '../mail/flags.ts';
import { LfWriter } from '../mail/line-ends.ts';
import type { MailboxId, Uid } from '../mail/numbers.ts';
import type { AccountStore, Copied, FlagRow, NewMessage } from '../store/store.ts';

const slice = 128 * 1024;
/** Messages in one command. */
const most = 10_000;

/** COPY from one account to another: the messages are stored there anew, all or none. */
export async function copyAcross(
  from: AccountStore,
  id: MailboxId,
  uids: ArrayLike<number>,
  to: AccountStore,
  name: string,
  allowed: (flags: readonly string[]) => string[],
  stagingDir: string,
): Promise<Copied> {
  if (uids.length > most) throw new Fault('tooMany', `more than ${most} messages between accounts`);
  const target = to.find(name);
  if (target === null) throw new Fault('noSuchMailbox', name);
  const keywords = from.keywords(id);
  const sources: Uid[] = [];
  const messages: NewMessage[] = [];
  try {
    for (const rows of from.fetch(id, uids, [])) {
      for (const row of rows) {
        const message = await stage(from, id, row.uid, stagingDir);
        if (message === null) continue;
        sources.push(row.uid);
        messages.push({ message, flags: allowed(flagNames(row, keywords)), internalDate: row.internalDate, zone: row.zone });
      }
    }
    if (messages.length === 0) return { target, sources: new Uint32Array(0), targets: new Uint32Array(0) };
    const stored = await to.append(name, messages);
    return { target: stored[0]!.mailbox, sources: Uint32Array.from(sources), targets: Uint32Array.from(stored, ({ uid }) => uid) };
  } finally {
    for (const { message } of messages) await message.discard();
  }
}

/** The message with LF line ends, null where it is gone. */
async function stage(from: AccountStore, id: MailboxId, uid: Uid, dir: string): Promise<Staged | null> {
  const staging = new Staging(dir);
  try {
    const file = await from.openMessage(id, uid);
    try {
      const lines = new LfWriter();
      for (let at = 0; at < file.size; ) {
        const chunk = await file.read(at, Math.min(slice, file.size - at));
        if (chunk.length === 0) break;
        await staging.write(Buffer.from(lines.write(chunk)));
        at += chunk.length;
      }
      await staging.write(Buffer.from(lines.end()));
      return await staging.finish();
    } finally {
      file.close();
    }
  } catch (error) {
    await staging.abort();
    if (error instanceof Fault && error.kind === 'expunged') return null;
    throw error;
  }
}

function flagNames({ flags, moreKeywords }: FlagRow, keywords: readonly string[]): string[] {
  const system = systemFlags.filter((_, bit) => (flags & (1 << bit)) !== 0);
  const named = keywords.slice(0, lettered).filter((name, n) => name !== '' && (flags & (1 << (firstKeywordBit + n))) !== 0);
  return [...system, ...named, ...moreKeywords];
}
