import { open } from 'node:fs/promises';
import { type Staged, Staging } from '../base/staging.ts';
import { Fault } from '../mail/fault.ts';
import { headerFilter } from '../mail/header/filter.ts';
import { LfWriter, toCrlf } from '../mail/line-ends.ts';
import type { Part } from '../mail/mime/part.ts';
import { resolveSection } from '../mail/mime/section.ts';
import type { Uid } from '../mail/numbers.ts';
import { CodedFault } from './faults.ts';
import type { AppendPart } from './grammar/append.ts';
import { string } from './grammar/format.ts';
import { imapUrl } from './grammar/imap-url.ts';
import { readRange } from './message-text.ts';
import type { Session } from './session.ts';

const slice = 128 * 1024;

/** Puts a message together from what came and what is here already. RFC 4469 3 @throws Fault tooBig, unsupported BADURL */
export async function catenate(session: Session, parts: readonly AppendPart[]): Promise<Staged> {
  const staging = new Staging(session.settings.stagingDir);
  const add = async (octets: Buffer) => {
    if (staging.size + octets.length > session.settings.messageSizeLimit) throw new Fault('tooBig', 'CATENATE');
    await staging.write(octets);
  };
  try {
    for (const part of parts) {
      if ('literal' in part) {
        const staged = session.incoming[part.literal];
        if (staged === undefined) throw new Fault('syntax', 'literal expected');
        for await (const octets of pieces(staged)) await add(octets);
      } else {
        await add(await fromUrl(session, part.url));
      }
    }
    return await staging.finish();
  } catch (error) {
    await staging.abort();
    throw error;
  }
}

async function* pieces({ chunks, file }: Staged): AsyncGenerator<Buffer> {
  if (file === null) {
    // Copies: a staging owns what it is given.
    for (const chunk of chunks) yield Buffer.from(chunk);
    return;
  }
  const handle = await open(file);
  try {
    for (;;) {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(slice), 0, slice);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** The octets a URL names, LF line ends. */
async function fromUrl(session: Session, url: string): Promise<Buffer> {
  try {
    const { mailbox, uidValidity, uid, section, partial } = imapUrl(url);
    const mail = session.mail!;
    const found = mail.find(session.fromWire(mailbox));
    if (found === null || !found.selectable || (uidValidity !== null && uidValidity !== found.uidValidity)) throw new Fault('expunged');
    const file = await mail.openMessage(found.id, uid as Uid);
    try {
      let octets: Buffer;
      const spec = [...section.path, ...(section.text === null ? [] : [section.text])].join('.');
      if (spec === '') octets = await readRange(file, 0, file.size);
      else {
        let structure: string | undefined;
        for (const rows of mail.fetch(found.id, [uid], ['structure'])) structure = rows[0]?.structure;
        const range = structure === undefined ? null : resolveSection(JSON.parse(structure) as Part, spec);
        if (range === null) throw new Fault('expunged');
        octets = await readRange(file, range.start, range.end);
        if (section.fields.length > 0) octets = headerFilter(section.fields, section.text === 'HEADER.FIELDS.NOT')(octets);
      }
      if (partial !== null)
        octets = toCrlf(octets).subarray(partial.offset, partial.length === null ? undefined : partial.offset + partial.length);
      const lines = new LfWriter();
      return Buffer.concat([lines.write(octets), lines.end()]);
    } finally {
      file.close();
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    // RFC 4469 4
    throw new CodedFault('unsupported', `BADURL ${string(url.replace(/[^\x20-\x7e]/g, '?').slice(0, 1000))}`, 'URL');
  }
}
