import { type Staged, Staging, stagedBytes } from '../base/staging.ts';
import { LfWriter } from '../mail/line-ends.ts';
import { encodeBinaryParts } from './binary-parts.ts';
import type { Session } from './session.ts';

const chunkTimeout = 5 * 60_000;

/** Streams a message literal to the waiting room, CRLF turned into LF. Null where the client is gone. */
export async function receiveMessage(session: Session, size: number, binary: boolean): Promise<Staged | null> {
  if (binary) return receiveBinary(session, size);
  const staging = new Staging(session.settings.stagingDir);
  const lines = new LfWriter();
  try {
    const whole = await session.connection.read(
      size,
      (chunk) => {
        // No literal but a literal8 may carry NUL. RFC 9051 9 (CHAR8)
        for (let at = chunk.indexOf(0); at !== -1; at = chunk.indexOf(0, at)) chunk[at] = 0x80;
        const text = lines.write(chunk);
        return text.length === 0 ? undefined : staging.write(text);
      },
      chunkTimeout,
    );
    if (!whole) {
      await staging.abort();
      return null;
    }
    const rest = lines.end();
    if (rest.length > 0) await staging.write(rest);
    return await staging.finish();
  } catch (error) {
    await staging.abort();
    throw error;
  }
}

/** A literal8: whole in memory, because what is binary in it must be known before its line ends may be touched. */
async function receiveBinary(session: Session, size: number): Promise<Staged | null> {
  const chunks: Buffer[] = [];
  const whole = await session.connection.read(size, (chunk) => void chunks.push(chunk), chunkTimeout);
  if (!whole) return null;
  const lines = new LfWriter();
  const message = lines.write(encodeBinaryParts(Buffer.concat(chunks)));
  return stagedBytes(Buffer.concat([message, lines.end()]));
}
