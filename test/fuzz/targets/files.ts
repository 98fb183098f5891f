import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { parseAliases, parseInclude } from '../../../src/directory/alias-file.ts';
import { homeTemplate } from '../../../src/directory/home.ts';
import { parseAddress } from '../../../src/directory/names.ts';
import { ConfigError } from '../../../src/server/config/error.ts';
import { keyLines } from '../../../src/server/config/lines.ts';
import { loadConfig } from '../../../src/server/config/load.ts';
import { readAclFile, readMetadataFile } from '../../../src/store/files/annotation-files.ts';
import { readDovecotUids } from '../../../src/store/files/dovecot.ts';
import { readKeywordFile } from '../../../src/store/files/keyword-file.ts';
import { readMailboxFile } from '../../../src/store/files/mailbox-file.ts';
import { baseName, bitsOfLetters, lettersOfBits, parseFileName, placeOf } from '../../../src/store/files/name.ts';
import { checkName, folderOf, nameOfFolder } from '../../../src/store/files/paths.ts';
import { readSubscriptionFile } from '../../../src/store/files/subscription-file.ts';
import { type FuzzTarget, same } from '../target.ts';
import { text } from './mail.ts';

let folder = '';
/** A folder with a file of that name. */
function withFile(name: string, content: string): string {
  if (folder === '') {
    folder = mkdtempSync(join(tmpdir(), 'postcote-fuzz-'));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  }
  writeFileSync(join(folder, name), content, 'latin1');
  return folder;
}

const file = (name: string, fileName: string, read: (folder: string) => unknown, ...seeds: string[]): FuzzTarget => ({
  name,
  seeds,
  longest: 1024,
  run: (input) => read(withFile(fileName, input)),
});

const home = homeTemplate('/var/mail/%d/%n');

export const fileTargets: readonly FuzzTarget[] = [
  {
    name: 'mailbox path',
    seeds: ['a/b', '../x', 'Lists/dev', 'in.box/\xe9', 'INBOX'],
    run(input) {
      const name = checkName(input);
      const path = folderOf(name);
      if (path !== '' && (!/^\.[\x20-\x2e\x30-\x7e]+$/.test(path) || /^\.+$/.test(path))) throw new Error(`folder ${JSON.stringify(path)}`);
      same('folder and back', nameOfFolder(path), name);
      return path;
    },
  },
  {
    name: 'folder',
    seeds: ['.Lists.dev', '.&ZeVnLIqe-', '..', '.a&AC4-b'],
    run(input) {
      const name = nameOfFolder(input);
      if (name !== null && (/[\x00-\x1f\x7f]/.test(name) || name.split('/').includes(''))) throw new Error(`name ${JSON.stringify(name)}`);
      return name;
    },
  },
  {
    name: 'file name',
    seeds: ['1.M2P3.h,S=1,W=2,N=zz.7:2,FSa', 'new', '1.2.3,N=4fti9zz.4294967296', 'a:2,,S'],
    run(input) {
      const parsed = parseFileName(input);
      const { uid, uidValidity, letters } = parsed;
      if (uid !== null && !(uid >= 1 && uid <= 0xffff_ffff)) throw new Error(`UID ${uid}`);
      if (uidValidity !== null && !(uidValidity >= 0 && uidValidity <= 0xffff_ffff)) throw new Error(`UIDVALIDITY ${uidValidity}`);
      const named = parseFileName(baseName(parsed, 7, 9));
      same('UID and UIDVALIDITY', [named.uidValidity, named.uid, named.unique], [7, 9, parsed.unique]);
      const bits = bitsOfLetters(letters ?? '');
      same('flags', bitsOfLetters(lettersOfBits(bits, letters ?? '')), bits);
      const place = placeOf(`cur/${input}`, bits);
      if (!input.includes('/') && place.split('/').length !== 2) throw new Error(`place ${place}`);
      return parsed;
    },
  },
  {
    name: 'account address',
    seeds: ['a@b.example', '<A.B@xn--c.example>', '"a b"@c', '..@x', 'é@ü.example'],
    run(input) {
      const address = parseAddress(Buffer.from(input, 'latin1').toString('utf8'));
      const path = home(address);
      if (path !== null && (!path.startsWith('/var/mail/') || path.split('/').length !== 5 || /\/\.{0,2}(?:\/|$)/.test(path)))
        throw new Error(`home ${JSON.stringify(path)}`);
      same('again', parseAddress(`${address.localPart}@${address.domain}`), address);
      return address;
    },
  },
  {
    name: 'TOML',
    seeds: [
      'hostname = "mail.example.com"\nworkers = 2\n[smtp]\nmynetworks = ["127.0.0.0/8"]\n[[tls.sni]]\nnames = ["a"]\n',
      '[mail]\nhome = "/x/%d/%n"\nquota = "1G"\n[auth]\nmechanisms = [\n"PLAIN",\n]\n__proto__ = 1\n',
      'a."b.c" = """x\ny"""\n"constructor" = \'z\'\n',
    ],
    longest: 1024,
    run(input) {
      try {
        parse(Buffer.from(input, 'latin1').toString('utf8'));
      } catch (error) {
        if (!(error instanceof TomlError)) throw error;
      }
      for (const [name, number] of keyLines(input)) if (name === undefined || !(number >= 1)) throw new Error(`line ${number} of ${name}`);
      try {
        return loadConfig({ file: join(withFile('postcote.toml', input), 'postcote.toml'), env: {} }).config;
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        if (({} as Record<string, unknown>).polluted !== undefined) throw new Error('a prototype was written to');
        return null;
      }
    },
  },
  text('aliases', parseAliases, 'root: ann@example.com, "|/bin/x a", /var/mail/x\n  , bob\n# c\n"a b": :include:/etc/x\n', 'a: b'),
  text('include', parseInclude, 'ann@example.com\nbob, "c d"@e\n|/bin/sh\n/etc/passwd\n', ':include:/x'),
  file('keyword file', 'dovecot-keywords', readKeywordFile, '0 $Forwarded\n1 a b\n', '99 x'),
  file(
    'mailbox file',
    'postcote-mailbox',
    readMailboxFile,
    'uidvalidity 7\nreserved 10\nmailboxid F1\nspecialuse \\Sent\n',
    'uidvalidity x',
  ),
  file('subscription file', 'subscriptions', readSubscriptionFile, 'V\t2\n\nLists\tdev\n', 'Lists.dev\n&AAo-\n'),
  file('rights file', 'dovecot-acl', readAclFile, 'user=bob@example.com lrs\nanyone lr\n-user=x@y w\n', 'group=x lr'),
  file(
    'metadata file',
    'postcote-metadata',
    (path) => readMetadataFile(path, 'postcote-metadata'),
    '["","/shared/comment","eA=="]\n',
    '[1]',
  ),
  file('Dovecot UIDs', 'dovecot-uidlist', readDovecotUids, '3 V1700000000 N5 Gabc\n1 :1.M2P3.h,S=1\n2 W5 S4 :x\n', '1 7 8\n1 a\n'),
];
