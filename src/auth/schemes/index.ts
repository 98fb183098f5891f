import type { PasswordScheme } from '../scheme.ts';
import { argon2i, argon2id } from './argon2.ts';
import { blfCrypt } from './bcrypt.ts';
import { cramMd5 } from './cram-md5.ts';
import { crypt, md5 } from './crypt.ts';
import { desCrypt } from './des-crypt.ts';
import { digestMd5, ldapMd5, plainMd4, plainMd5, sha1, sha256, sha512, smd5, ssha, ssha256, ssha512 } from './digests.ts';
import { md5Crypt } from './md5-crypt.ts';
import { pbkdf2 } from './pbkdf2.ts';
import { plain } from './plain.ts';
import { scramSha1, scramSha256, scramSha512 } from './scram.ts';
import { sha256Crypt, sha512Crypt } from './sha-crypt.ts';

/** In the order in which shapes are tried. */
export const schemes: readonly PasswordScheme[] = [
  sha512Crypt,
  argon2id,
  blfCrypt,
  argon2i,
  sha256Crypt,
  pbkdf2,
  md5Crypt,
  crypt,
  desCrypt,
  scramSha512,
  scramSha256,
  scramSha1,
  ssha512,
  ssha256,
  ssha,
  sha512,
  sha256,
  sha1,
  smd5,
  md5,
  plainMd5,
  ldapMd5,
  plainMd4,
  cramMd5,
  digestMd5,
  plain,
];
