import { pbkdf2Sync } from 'node:crypto';
import { Fault } from '../../mail/fault.ts';
import type { PasswordScheme } from '../scheme.ts';
import { randomSalt, sameOctets } from './crypt64.ts';

const defaultRounds = 5000;
const maxRounds = 5_000_000;

const derive = (password: string, salt: string, rounds: number): Buffer => pbkdf2Sync(password, salt, rounds, 20, 'sha1');

/** `$1$salt$rounds$hex`, PBKDF2 with HMAC-SHA-1: Dovecot's. RFC 8018 5.2 */
export const pbkdf2: PasswordScheme = {
  name: 'PBKDF2',
  looksLike: /^\$1\$[^$]+\$\d+\$[0-9a-fA-F]{40}$/,
  weak: false,
  verify(password, hash) {
    const match = /^\$1\$([^$]+)\$(\d{1,9})\$([0-9a-fA-F]{40})$/.exec(hash);
    if (match === null) return false;
    const rounds = Number(match[2]);
    if (rounds < 1 || rounds > maxRounds) throw new Fault('unsupported', `PBKDF2 with ${rounds} rounds; ${maxRounds} is the most`);
    return sameOctets(derive(password, match[1]!, rounds), Buffer.from(match[3]!, 'hex'));
  },
  hash(password) {
    const salt = randomSalt(16);
    return `$1$${salt}$${defaultRounds}$${derive(password, salt, defaultRounds).toString('hex')}`;
  },
};
