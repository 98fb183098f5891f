import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** A reply; its class says what becomes of the recipient. */
export type AppendReply = string;

/** Adds to an mbox. In one write, which Linux does not mix with those of others. */
export async function appendToFile(file: string, text: Buffer): Promise<AppendReply> {
  try {
    const handle = await open(file, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK, 0o600);
    try {
      const before = await handle.stat();
      if (!before.isFile() && file !== '/dev/null') return '550 5.2.0 The file is not a regular file';
      const { bytesWritten } = await handle.write(text);
      if (bytesWritten < text.length) {
        await handle.truncate(before.size);
        return '452 4.3.1 Insufficient system storage';
      }
      if (before.isFile()) await handle.sync();
      return '250 2.0.0 delivered to file';
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return `451 4.2.0 The file cannot be written: ${code ?? 'error'}`;
  }
}
