// ENVELOPE and BODYSTRUCTURE of messages nobody should send, ours beside Dovecot's on the same files:
//
//     node scripts/with-node.mjs test/interop/mime-compare.ts
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDovecot } from '../../bench/servers/dovecot.ts';
import { account, password } from '../../bench/servers/server.ts';
import { StressClient } from '../stress/client.ts';
import { World } from '../stress/world.ts';
import { oddMessages } from '../support/odd-messages.ts';
import { startTestServer } from '../support/server.ts';

const messages = oddMessages();
const user = account(0);
const [name, domain] = user.split('@') as [string, string];

function layOut(home: string): void {
  for (const folder of ['new', 'cur', 'tmp']) mkdirSync(join(home, 'Maildir', folder), { recursive: true });
  messages.forEach(({ text }, i) => {
    writeFileSync(join(home, 'Maildir/new', `${1_700_000_000 + i}.M${i}P1.odd`), Buffer.from(text, 'latin1'));
  });
}

async function answers(port: number, secret: string): Promise<Map<number, string[]>> {
  const found = new Map<number, string[]>();
  const world = new World({ port, user, password: secret, mailbox: 'INBOX', clients: 1, duration: 0 });
  const client = await StressClient.open(world, 0);
  const items = ['ENVELOPE', 'BODYSTRUCTURE', 'RFC822.SIZE'];
  await client.command(`LOGIN ${user} ${secret}`);
  await client.select();
  client.view!.fetched = (n, values) => {
    found.set(
      n,
      items.map((item) => JSON.stringify(values[values.indexOf(item) + 1]) ?? ''),
    );
  };
  await client.command(`FETCH 1:* (${items.join(' ')})`);
  client.end();
  return found;
}

const root = mkdtempSync('/var/tmp/postcote-mime-');
execFileSync('chmod', ['755', root]);
const [cert, key] = [join(root, 'cert.pem'), join(root, 'key.pem')];
execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=m', '-keyout', key, '-out', cert], {
  stdio: 'ignore',
});
const ours = await startTestServer({ accounts: { [user]: password } });
const dovecot = await startDovecot(join(root, 'd'), 1, { cert, key });
try {
  layOut((ours.settings['mail.home'] as string).replace('%d', domain).replace('%n', name));
  layOut(join(root, 'd/mail', domain, name));
  execFileSync('chown', ['-R', '5000:5000', join(root, 'd/mail')]);
  const [mine, theirs] = [await answers(ours.port('imap'), password), await answers(dovecot.ports.imap!, password)];
  let same = 0;
  messages.forEach((message, i) => {
    const [a = [], b = []] = [mine.get(i + 1), theirs.get(i + 1)];
    const differ = ['ENVELOPE', 'BODYSTRUCTURE', 'RFC822.SIZE'].flatMap((item, k) =>
      // Dovecot writes names of types and parameters as they came, so do we; case is the same or wrong.
      a[k] === b[k] ? [] : [`  ${item}\n    ours ${a[k]}\n    Dovecot ${b[k]}`],
    );
    if (differ.length === 0) same++;
    else console.log(`${message.name}\n${differ.join('\n')}`);
  });
  console.log(`${messages.length} messages, ${same} the same, ${messages.length - same} not`);
} finally {
  await dovecot.stop();
  await ours.close();
  rmSync(root, { recursive: true, force: true });
}
