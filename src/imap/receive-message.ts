import { type Staged, Staging } from '../base/staging.ts';
import { LfWriter } from '../mail/line-ends.ts';
import type { Session } from './session.ts';

const chunkTimeout = 5 * 60_000;

/** Streams a message literal to the waiting room, CRLF turned into LF. Null where the client is gone. */
export async function receiveMessage(session: Session, size: number, binary: boolean): Promise<Staged | null> {
  const staging = new Staging(session.settings.stagingDir);
  const lines = new LfWriter();
  try {
    const whole = await session.connection.read(
      size,
      (chunk) => {
        // No literal but a literal8 may carry NUL. RFC 9051 9 (CHAR8)
        if (!binary) for (let at = chunk.indexOf(0); at !== -1; at = chunk.indexOf(0, at)) chunk[at] = 0x80;
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
