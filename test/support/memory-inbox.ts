import { mkdirSync } from 'node:fs';
import { Fault } from '../../src/mail/fault.ts';
import type { MailboxId, ModSeq, Uid, UidValidity } from '../../src/mail/numbers.ts';
import type { AccountStore, MailAccount, Mailbox, MailStore, MessageFile, MessageRow } from '../../src/store/store.ts';

interface Stored {
  readonly uid: number;
  readonly bytes: Buffer;
  readonly fileName: string;
  flags: number;
}

/** A store of one INBOX an account, in memory: what POP3 asks of one, and nothing else. */
export class MemoryInboxes implements MailStore {
  readonly inboxes = new Map<string, Stored[]>();
  /** Files opened so far. */
  opened = 0;
  /** Makes the next expunge fail. */
  broken = false;

  put(address: string, ...messages: readonly (string | { text: string; fileName: string })[]): void {
    const inbox = this.inbox(address);
    for (const message of messages) {
      const uid = (inbox.at(-1)?.uid ?? 0) + 1;
      const { text, fileName } = typeof message === 'string' ? { text: message, fileName: `1700000000.M${uid}P1.host,S=1,W=1` } : message;
      inbox.push({ uid, bytes: Buffer.from(text, 'latin1'), fileName, flags: 0 });
    }
  }

  inbox(address: string): Stored[] {
    let inbox = this.inboxes.get(address);
    if (inbox === undefined) {
      inbox = [];
      this.inboxes.set(address, inbox);
    }
    return inbox;
  }

  async open(account: MailAccount): Promise<AccountStore> {
    mkdirSync(account.home, { recursive: true });
    return accountStore(this, account);
  }

  async deliver(): Promise<void> {
    throw new Error('takes no mail');
  }

  async close(): Promise<void> {}
}

const mailbox: Mailbox = {
  id: 1 as MailboxId,
  name: 'INBOX',
  uidValidity: 0x5f00_00ab as UidValidity,
  mailboxId: 'F1',
  specialUse: null,
  selectable: true,
};

function accountStore(store: MemoryInboxes, account: MailAccount): AccountStore {
  const inbox = store.inbox(account.address);
  const part: Partial<AccountStore> = {
    account,
    release() {},
    find: (name) => (name === 'INBOX' ? mailbox : null),
    async refresh() {},
    snapshot: () => ({
      uidValidity: mailbox.uidValidity,
      uidNext: ((inbox.at(-1)?.uid ?? 0) + 1) as Uid,
      highestModSeq: 1 as ModSeq,
      uids: Uint32Array.from(inbox, ({ uid }) => uid),
      flags: Uint32Array.from(inbox, ({ flags }) => flags),
      modSeqs: new Float64Array(inbox.length),
      moreKeywords: new Map(),
    }),
    *fetch(_, uids, columns) {
      const wanted = new Set(Array.from(uids));
      const rows = inbox
        .filter(({ uid }) => wanted.has(uid))
        .map((message) => ({
          ...row(message, columns.includes('fileName')),
          readOctets: (longest: number) => octets(inbox, message, longest),
        }));
      for (let i = 0; i < rows.length; i += 100) yield rows.slice(i, i + 100);
    },
    async openMessage(_, uid) {
      const found = inbox.find((message) => message.uid === uid);
      if (found === undefined) throw new Fault('expunged');
      store.opened++;
      return file(found.bytes);
    },
    async store(_, uids) {
      const wanted = new Set(Array.from(uids));
      for (const message of inbox) if (wanted.has(message.uid)) message.flags |= 1;
      const none = new Uint32Array(0);
      return { rows: { uids: none, flags: none, modSeqs: new Float64Array(0), moreKeywords: new Map() }, modified: none };
    },
    async expunge(_, uids) {
      if (store.broken) throw new Fault('storageFull');
      const going = new Set(Array.from(uids ?? []));
      inbox.splice(0, inbox.length, ...inbox.filter(({ uid }) => !going.has(uid)));
      return Uint32Array.from(going).sort();
    },
  };
  return part as AccountStore;
}

function octets(inbox: readonly Stored[], message: Stored, longest: number): Buffer | null {
  const { bytes } = message;
  return inbox.includes(message) && bytes.length > 0 && bytes.length <= longest ? bytes : null;
}

function row({ uid, bytes, fileName, flags }: Stored, named: boolean): MessageRow {
  const text = bytes.toString('latin1');
  return {
    uid: uid as Uid,
    flags,
    moreKeywords: [],
    modSeq: 1 as ModSeq,
    internalDate: 0,
    zone: null,
    saveDate: 0,
    size: text.replace(/\r?\n/g, '\r\n').length,
    emailId: `M${uid}`,
    threadId: null,
    ...(named ? { fileName } : {}),
  };
}

function file(bytes: Buffer): MessageFile {
  return {
    size: bytes.length,
    readSync: (position, length) => bytes.subarray(position, position + length),
    read: async (position, length) => bytes.subarray(position, position + length),
    readInto: async (room, position) => bytes.copy(room, 0, position),
    close() {},
  };
}
