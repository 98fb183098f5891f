import { Fault } from '../../mail/fault.ts';
import type { PasswordScheme } from '../scheme.ts';
import { blfCrypt } from './bcrypt.ts';
import { desCrypt } from './des-crypt.ts';
import { plainMd5 } from './digests.ts';
import { md5Crypt } from './md5-crypt.ts';
import { sha256Crypt, sha512Crypt } from './sha-crypt.ts';

const forms = [sha512Crypt, sha256Crypt, md5Crypt, blfCrypt, desCrypt];

/** Whatever crypt(3) knows, told apart by its prefix. */
export const crypt: PasswordScheme = {
  name: 'CRYPT',
  looksLike: null,
  weak: false,
  verify(password, hash) {
    const form = forms.find((one) => one.looksLike!.test(hash));
    if (form === undefined && hash.startsWith('$')) throw new Fault('unsupported', `crypt form ${hash.slice(0, 3)}`);
    return form?.verify(password, hash) ?? false;
  },
  hash: (password) => sha512Crypt.hash(password),
};

/** `{MD5}`: crypt's form of that name, or a bare digest. */
export const md5: PasswordScheme = {
  name: 'MD5',
  looksLike: null,
  weak: true,
  verify: (password, hash) => (hash.startsWith('$1$') ? md5Crypt.verify(password, hash) : plainMd5.verify(password, hash)),
  hash: (password) => md5Crypt.hash(password),
};
