import { Fault } from '../mail/fault.ts';
import { headerFilter } from '../mail/header/filter.ts';
import { toCrlf } from '../mail/line-ends.ts';
import type { Part } from '../mail/mime/part.ts';
import { resolveSection, type Section } from '../mail/mime/section.ts';
import { decodeTransfer, knowsTransferEncoding } from '../mail/mime/transfer.ts';
import type { Uid } from '../mail/numbers.ts';
import type { AccountStore, Mailbox } from '../store/store.ts';
import type { ImapUrl } from './grammar/imap-url.ts';
import { readRange } from './message-text.ts';

/** What a URL names, found. */
export interface UrlTarget {
  /** Octets as in the message, CRLF line ends. */
  body(): Promise<Buffer>;
  /** Transfer encoding undone; null where that cannot be. */
  binary(): Promise<Buffer | null>;
  /** The part whose body it is, null for a header or what is no part. */
  readonly part: Part | null;
}

/** @throws Fault expunged where there is nothing (any more) */
export function urlTarget(mail: AccountStore, mailbox: Mailbox, { uid, section, partial }: ImapUrl): UrlTarget {
  const spec = [...section.path, ...(section.text === null ? [] : [section.text])].join('.');
  let structure: string | undefined;
  for (const rows of mail.fetch(mailbox.id, [uid], ['structure'])) structure = rows[0]?.structure;
  const range: Section | null = structure === undefined ? null : resolveSection(JSON.parse(structure) as Part, spec);
  if (range === null) throw new Fault('expunged');
  const cut = (octets: Buffer): Buffer =>
    partial === null ? octets : octets.subarray(partial.offset, partial.length === null ? undefined : partial.offset + partial.length);
  const octets = async (): Promise<Buffer> => {
    const file = await mail.openMessage(mailbox.id, uid as Uid);
    try {
      return await readRange(file, range.start, spec === '' ? file.size : range.end);
    } finally {
      file.close();
    }
  };
  return {
    part: range.kind === 'header' || section.fields.length > 0 ? null : range.part,
    async body() {
      const all = await octets();
      return cut(toCrlf(section.fields.length > 0 ? headerFilter(section.fields, section.text === 'HEADER.FIELDS.NOT')(all) : all));
    },
    async binary() {
      if (range.kind !== 'body' || section.fields.length > 0) return this.body();
      if (!knowsTransferEncoding(range.part.encoding)) return null;
      const plain = /^(?:7bit|8bit|binary)$/.test(range.part.encoding);
      const all = await octets();
      return cut(plain ? toCrlf(all) : decodeTransfer(all, range.part.encoding));
    },
  };
}
