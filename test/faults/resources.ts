// Messages and commands made to cost more than they should: time grows with their size and no faster, and nothing is set aside for what never comes.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageFacts } from '../../src/mail/mime/facts.ts';
import { faultServer } from './fault-server.ts';
import { Failed, type FaultTest, figures } from './fault-test.ts';

/** By name: a message of about `n` of something, and how many make it 25 MB or as large as is asked for. */
const shapes: readonly { readonly name: string; readonly most: number; readonly make: (n: number) => string }[] = [
  { name: 'addresses', most: 500_000, make: (n) => `To: ${'a@b.example, '.repeat(n)}c@d\n\nx\n` },
  { name: 'header octets', most: 10_000_000, make: (n) => `Subject: ${'x'.repeat(n)}\n\nx\n` },
  { name: 'continuation lines', most: 1_000_000, make: (n) => `Subject: x\n${' y\n'.repeat(n)}\nx\n` },
  { name: 'header fields', most: 500_000, make: (n) => `${'X-A: b\n'.repeat(n)}\nx\n` },
  { name: 'parts', most: 100_000, make: (n) => `Content-Type: multipart/mixed; boundary=b\n\n${'--b\n\nx\n'.repeat(n)}--b--\n` },
  {
    name: 'depth',
    most: 10_000,
    make: (n) => Array.from({ length: n }, (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\n\n--b${i}\n`).join(''),
  },
  { name: 'parameters', most: 1_000_000, make: (n) => `Content-Type: text/plain${'; a=b'.repeat(n)}\n\nx\n` },
  {
    name: 'numbered parameters',
    most: 200_000,
    make: (n) => `Content-Type: text/plain${Array.from({ length: n }, (_, i) => `; a*${i}*=%41`).join('')}\n\nx\n`,
  },
  { name: 'encoded words', most: 500_000, make: (n) => `Subject: ${'=?utf-8?q?a?= '.repeat(n)}\n\nx\n` },
  { name: 'comments', most: 1_000_000, make: (n) => `To: ${'('.repeat(n)}\n\nx\n` },
  { name: 'quotes', most: 1_000_000, make: (n) => `From: ${'"\\'.repeat(n)}\n\nx\n` },
  { name: 'dashes', most: 10_000_000, make: (n) => `Content-Type: multipart/mixed; boundary=b\n\n${'--\n'.repeat(n / 3)}` },
];

/** CPU seconds of this process. */
function cpu(work: () => void): number {
  const { user, system } = process.cpuUsage();
  work();
  const after = process.cpuUsage();
  return (after.user + after.system - user - system) / 1e6;
}

async function messages(): Promise<string> {
  const slow: string[] = [];
  const times: string[] = [];
  messageFacts(Buffer.from(shapes[0]!.make(1000)));
  for (const { name, most, make } of shapes) {
    const small = Buffer.from(make(most / 16));
    const whole = Buffer.from(make(most));
    const [a, b] = [cpu(() => messageFacts(small)), cpu(() => messageFacts(whole))];
    times.push(`${name} ${b.toFixed(2)} s`);
    // Below a tenth of a second the collector decides; 16 times the size may cost 16 times the time and half as much again.
    if (b > 1 || (b > 0.3 && b > Math.max(a, 0.01) * 24)) slow.push(`${name} ${a.toFixed(3)} → ${b.toFixed(3)} s`);
  }
  if (slow.length > 0) throw new Failed(`${times.join(', ')}: too slow: ${slow.join(', ')}`);
  return times.join(', ');
}

/** What a stranger may send before a login. @returns the answers until the server hung up or fell silent */
async function stranger(port: number, ...pieces: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  let closed = false;
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    text += chunk;
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    closed = true;
  });
  for (const piece of pieces) {
    await sleep(50);
    if (!closed) socket.write(piece, 'latin1');
  }
  for (let i = 0; i < 20 && !closed; i++) await sleep(25);
  socket.destroy();
  return text.split('\r\n').slice(1).join('|').slice(0, 200) + (closed ? '(closed)' : '');
}

async function beforeLogin(): Promise<string> {
  const server = await faultServer({ accounts: ['ann@example.com'], workers: 1, env: { POSTCOTE_AUTH__ALLOW_CLEARTEXT: 'false' } });
  const wrong: string[] = [];
  const memory = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.process.pid}/status`, 'utf8'))![1]) / 1024;
  try {
    const { SMTP, IMAP, POP3 } = server.ports;
    const before = memory();
    const probes: [string, number, RegExp, ...string[]][] = [
      ['IMAP huge literal', IMAP, /BAD|NO|BYE/, 'a LOGIN {4294967295+}\r\n', 'x'.repeat(1000)],
      ['IMAP asked literal', IMAP, /BAD|NO|BYE/, 'a LOGIN {4294967295}\r\n'],
      ['IMAP long line', IMAP, /BAD|BYE|closed/, `a LOGIN ${'x'.repeat(1_000_000)}`, 'x'.repeat(20_000_000), '\r\n'],
      ['IMAP nesting', IMAP, /BAD|NO/, `a SEARCH ${'('.repeat(4000)}\r\n`],
      ['SMTP long line', SMTP, /500|421|closed/, `EHLO ${'x'.repeat(1_000_000)}\r\n`],
      ['POP3 long line', POP3, /-ERR|closed/, `USER ${'x'.repeat(1_000_000)}\r\n`],
      ['SMTP STARTTLS injection', SMTP, /220/, 'EHLO a\r\n', 'STARTTLS\r\nMAIL FROM:<evil@b.test>\r\nRCPT TO:<ann@example.com>\r\n'],
      ['IMAP STARTTLS injection', IMAP, /a OK/, 'a STARTTLS\r\nb LOGIN ann@example.com secret\r\n'],
      ['POP3 STLS injection', POP3, /\+OK/, 'STLS\r\nUSER ann@example.com\r\nPASS secret\r\n'],
    ];
    for (const [name, port, wanted, ...pieces] of probes) {
      const answer = await stranger(port, ...pieces);
      if (!wanted.test(answer)) wrong.push(`${name}: ${answer}`);
      if (/injection/.test(name) && /250 2\.1|b OK|Logged in/.test(answer)) wrong.push(`${name}: ${answer}`);
    }
    await Promise.all(Array.from({ length: 50 }, () => stranger(IMAP, 'a LOGIN {4294967295+}\r\n', 'x'.repeat(5000))));
    const grown = Math.round(memory() - before);
    if (wrong.length > 0) throw new Failed(wrong.join(' || '));
    return figures({ probes: probes.length, wrong: 0, grownMiB: grown, errors: server.errors().length }, ['errors'], { grownMiB: 150 });
  } finally {
    await server.close();
  }
}

export const resourceTests: readonly FaultTest[] = [
  { name: 'costly-messages', run: messages },
  { name: 'before-login', run: beforeLogin },
];
