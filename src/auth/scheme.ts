/** One way to store a password. Runs in a hashing thread, so it may take its time. */
export interface PasswordScheme {
  /** As in `{NAME}hash`, the form Dovecot and mail administrators use. */
  readonly name: string;
  /** Other names of the same form. */
  readonly aliases?: readonly string[];
  /** Recognises hashes stored without `{NAME}`; null where the shape says nothing. */
  readonly looksLike: RegExp | null;
  /** Too weak for new passwords; kept so that old ones still log in. */
  readonly weak: boolean;
  /** Octets where the stored form is a plain digest with or without salt, so that `.b64` and `.hex` may follow the name. */
  readonly digest?: number;
  /** @param address of the account; a few schemes mix it in. @throws Fault unsupported where the hash asks for more work than is allowed; false for what is no hash of this scheme */
  verify(password: string, hash: string, address?: string): boolean | Promise<boolean>;
  hash(password: string, address?: string): string | Promise<string>;
}
