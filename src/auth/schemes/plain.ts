import type { PasswordScheme } from '../scheme.ts';
import { sameText } from './crypt64.ts';

export const plain: PasswordScheme = {
  name: 'PLAIN',
  aliases: ['CLEAR', 'CLEARTEXT'],
  looksLike: null,
  weak: true,
  verify: sameText,
  hash: (password) => password,
};
