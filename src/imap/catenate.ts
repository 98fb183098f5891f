import { open } from 'node:fs/promises';
import { type Staged, Staging } from '../base/staging.ts';
import { Fault } from '../mail/fault.ts';
import { LfWriter } from '../mail/line-ends.ts';
import { CodedFault } from './faults.ts';
import type { AppendPart } from './grammar/append.ts';
import { string } from './grammar/format.ts';
import { imapUrl } from './grammar/imap-url.ts';
import type { Session } from './session.ts';
import { urlTarget } from './url-text.ts';

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
    const what = imapUrl(url);
    const { mailbox, uidValidity } = what;
    const mail = session.mail!;
    const found = mail.find(session.fromWire(mailbox));
    if (found === null || !found.selectable || (uidValidity !== null && uidValidity !== found.uidValidity)) throw new Fault('expunged');
    const octets = await urlTarget(mail, found, what).body();
    const lines = new LfWriter();
    return Buffer.concat([lines.write(octets), lines.end()]);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    // RFC 4469 4
    throw new CodedFault('unsupported', `BADURL ${string(url.replace(/[^\x20-\x7e]/g, '?').slice(0, 1000))}`, 'URL');
  }
}
