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
  /** Transfer encoding undone, and the part as it then is; null where that cannot be. */
  binary(): Promise<{ readonly octets: Buffer; readonly part: Part | null } | null>;
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
      if (section.fields.length === 0) return cut(toCrlf(all));
      return cut(Buffer.from(headerFilter(section.fields, section.text === 'HEADER.FIELDS.NOT')(all), 'latin1'));
    },
    async binary() {
      const { part } = range;
      // Of a composite part or a header, what is there is given as it lies. RFC 3516 4.2
      const isLeaf = range.kind === 'body' && section.fields.length === 0 && part.type !== 'multipart' && part.type !== 'message';
      if (!isLeaf || isPlain(part.encoding)) return { octets: await this.body(), part: this.part };
      if (!knowsTransferEncoding(part.encoding)) return null;
      const decoded = decodeTransfer(toCrlf(await octets()), part.encoding);
      // Lines are counted of what is encoded. RFC 9051 7.5.2
      return { octets: cut(decoded), part: { ...part, encoding: domainOf(decoded), size: decoded.length, lines: 0 } };
    },
  };
}

function isPlain(encoding: string): boolean {
  return encoding === '7bit' || encoding === '8bit' || encoding === 'binary';
}

/** The transfer encoding of what is not encoded. RFC 2045 2.7 */
function domainOf(octets: Buffer): '7bit' | '8bit' | 'binary' {
  const text = octets.toString('latin1');
  // oxlint-disable-next-line no-control-regex
  if (/\0|\r(?!\n)|(?<!\r)\n|[^\r\n]{999}/.test(text)) return 'binary';
  // oxlint-disable-next-line no-control-regex
  return /^[\x00-\x7f]*$/.test(text) ? '7bit' : '8bit';
}
