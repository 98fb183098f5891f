import { randomFillSync } from 'node:crypto';

const length = 6;
/** Random octets for many names: asking for them costs more than a name does. */
const pool = Buffer.alloc(256 * length);
let at = pool.length;

/** Eight characters that nobody else has, for logs: `A-Z a-z 0-9 - _`. No secret. */
export function shortName(): string {
  if (at === pool.length) {
    randomFillSync(pool);
    at = 0;
  }
  at += length;
  return pool.toString('base64url', at - length, at);
}
