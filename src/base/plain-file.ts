import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/** Octets beyond which no file that describes a folder goes. */
const largest = 1 << 28;

/**
 * Text of a file in a folder that others may write to: never what a link leads to, and never waiting for the other end of a pipe.
 * @throws the system's error, ELOOP for a link, EINVAL for what is no file
 */
export function readPlainFile(path: string, encoding: 'utf8' | 'latin1' = 'utf8'): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > largest) throw Object.assign(new Error(`${path} is no plain file`), { code: 'EINVAL' });
    return readFileSync(fd, encoding);
  } finally {
    closeSync(fd);
  }
}
