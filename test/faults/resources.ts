// Messages and commands made to cost more than they should: time grows with their size and no faster, and nothing is set aside for what never comes.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageFacts } from '../../src/mail/mime/facts.ts';
import { DataScanner } from '../../src/smtp/grammar/data.ts';
import { SmtpTalk } from '../support/smtp.ts';
import { crowd } from '../support/time.ts';
import { faultServer } from './fault-server.ts';
import { Failed, type FaultTest, figures } from './fault-test.ts';

/** By name: a message of about `n` of something. */
const shapes: readonly { readonly name: string; readonly make: (n: number) => string }[] = [
  { name: 'addresses', make: (n) => `To: ${'a@b.example, '.repeat(n)}c@d\n\nx\n` },
  { name: 'header octets', make: (n) => `Subject: ${'x'.repeat(n)}\n\nx\n` },
  { name: 'continuation lines', make: (n) => `Subject: x\n${' y\n'.repeat(n)}\nx\n` },
  { name: 'header fields', make: (n) => `${'X-A: b\n'.repeat(n)}\nx\n` },
  { name: 'parts', make: (n) => `Content-Type: multipart/mixed; boundary=b\n\n${'--b\n\nx\n'.repeat(n)}--b--\n` },
  {
    name: 'depth',

    make: (n) => Array.from({ length: n }, (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\n\n--b${i}\n`).join(''),
  },
  { name: 'parameters', make: (n) => `Content-Type: text/plain${'; a=b'.repeat(n)}\n\nx\n` },
  {
    name: 'numbered parameters',

    make: (n) => `Content-Type: text/plain${Array.from({ length: n }, (_, i) => `; a*${i}*=%41`).join('')}\n\nx\n`,
  },
  { name: 'encoded words', make: (n) => `Subject: ${'=?utf-8?q?a?= '.repeat(n)}\n\nx\n` },
  { name: 'comments', make: (n) => `To: ${'('.repeat(n)}\n\nx\n` },
  { name: 'quotes', make: (n) => `From: ${'"\\'.repeat(n)}\n\nx\n` },
  { name: 'dashes', make: (n) => `Content-Type: multipart/mixed; boundary=b\n\n${'--\n'.repeat(n / 3)}` },
];

/** CPU seconds of this process. */
function cpu(work: () => void): number {
  const { user, system } = process.cpuUsage();
  work();
  const after = process.cpuUsage();
  return (after.user + after.system - user - system) / 1e6;
}

/** Octets of the largest of each shape. */
const whole = 25_000_000;

/** Text of a message as it crosses the wire: only the dots cost. */
const wires: readonly { readonly name: string; readonly line: string }[] = [
  { name: 'dot lines', line: '..\r\n' },
  { name: 'dotted lines', line: '.x\r\n' },
  { name: 'empty lines', line: '\r\n' },
];

/** The power of the size that time grows with: slope of the line through all points, by logarithms. */
function power(points: readonly (readonly [size: number, seconds: number])[]): number {
  const logs = points.map(([size, seconds]) => [Math.log(size), Math.log(Math.max(seconds, 1e-4))] as const);
  const mean = (i: 0 | 1): number => logs.reduce((sum, point) => sum + point[i], 0) / logs.length;
  const [x, y] = [mean(0), mean(1)];
  return logs.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0) / logs.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
}

async function messages(): Promise<string> {
  const wrong: string[] = [];
  const texts: string[] = [];
  const measure = (name: string, make: (share: number) => Buffer, work: (octets: Buffer) => void): void => {
    const points: [number, number][] = [];
    for (const times of [1, 4, 16, 64]) {
      const octets = make(times / 64);
      points.push([times, cpu(() => work(octets))]);
    }
    const last = points.at(-1)![1];
    const grows = power(points);
    texts.push(`${name} ${last.toFixed(2)} s ^${grows.toFixed(2)}`);
    // Below a tenth of a second the collector and the compiler decide.
    if (last > 1 || (last > 0.1 && grows > 1.3)) wrong.push(`${name}: ${points.map(([, seconds]) => seconds.toFixed(3)).join(', ')} s`);
  };
  messageFacts(Buffer.from(shapes[0]!.make(1000)));
  new DataScanner().scan(Buffer.from('..\r\n'.repeat(100_000)));
  for (const { name, make } of shapes) {
    const unit = make(10_000).length / 10_000;
    measure(
      name,
      (share) => Buffer.from(make(Math.ceil((whole / unit) * share))),
      (octets) => void messageFacts(octets),
    );
  }
  for (const { name, line } of wires) {
    measure(
      name,
      (share) => Buffer.from(line.repeat((whole / line.length) * share)),
      (octets) => void new DataScanner().scan(octets),
    );
  }
  if (wrong.length > 0) throw new Failed(`${texts.join(', ')}: too slow: ${wrong.join(' | ')}`);
  return `25 MB each: ${texts.join(', ')}`;
}

/** The same through the whole server: how long its event loop was kept, by its own metric. */
async function offTheLoop(long: boolean): Promise<string> {
  const server = await faultServer({ accounts: ['ann@example.com'], workers: 1 });
  try {
    const delay = async (): Promise<number> => {
      const text = await (await fetch(`http://127.0.0.1:${server.ports.HTTP}/metrics`)).text();
      return Number(/^postcote_event_loop_delay_seconds_max (\S+)/m.exec(text)?.[1]) * 1000;
    };
    const octets = long ? whole : whole / 4;
    const slow: string[] = [];
    const delays: number[] = [];
    for (const { name, make } of shapes) {
      const unit = make(10_000).length / 10_000;
      const text = Buffer.from(
        `${make(Math.ceil(octets / unit))
          .replaceAll('\n', '\r\n')
          .replaceAll('\r\n.', '\r\n..')}\r\n.\r\n`,
      );
      const talk = await SmtpTalk.to(server.ports.SMTP);
      await talk.reply();
      for (const line of ['EHLO c', 'MAIL FROM:<a@b.example>', 'RCPT TO:<ann@example.com>', 'DATA']) await talk.say(line);
      await delay();
      talk.write(text);
      const reply = await talk.reply();
      const took = Math.round(await delay());
      delays.push(took);
      if (!reply.startsWith('250')) slow.push(`${name}: ${reply}`);
      else if (!(took <= 200 * crowd())) slow.push(`${name}: ${took} ms`);
      talk.close();
    }
    delays.sort((a, b) => a - b);
    const text = figures(
      {
        messages: delays.length,
        megabytes: Math.round((shapes.length * octets) / 1e6),
        loopDelayP50Ms: delays[delays.length >> 1]!,
        loopDelayMaxMs: delays.at(-1)!,
        errors: server.errors().length,
      },
      ['errors'],
    );
    if (slow.length > 0) throw new Failed(`${text}: ${slow.join(', ')}`);
    return text;
  } finally {
    await server.close();
  }
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
  return text.split('\r\n').slice(1).join('|').slice(0, 2000) + (closed ? '(closed)' : '');
}

/** What fits and what is one octet more. */
const limits = (imap: number, pop3: number): readonly (readonly [name: string, port: number, fits: string, over: string])[] => [
  ['IMAP line', imap, `a ID ("x" "${'x'.repeat(8192 - 13)}")\r\n`, `a ID ("x" "${'x'.repeat(8192 - 12)}")\r\n`],
  ['IMAP literal', imap, `a LOGIN {4096+}\r\n${'x'.repeat(4096)} x\r\n`, `a LOGIN {4097+}\r\n${'x'.repeat(4097)} x\r\n`],
  ['POP3 line', pop3, `USER ${'x'.repeat(8187)}\r\n`, `USER ${'x'.repeat(8188)}\r\n`],
];

/** Milliseconds, in place of the minute that is the default. */
const loginTimeout = 1000;

/** Clients that keep saying something and never log in. */
const dripping = ({ IMAP, POP3 }: Readonly<Record<'IMAP' | 'POP3', number>>): readonly (readonly [string, number, string, string])[] => [
  ['IMAP commands', IMAP, '', 'a NOOP\r\n'],
  ['IMAP octets', IMAP, 'a LOG', 'I'],
  ['IMAP literal', IMAP, 'a LOGIN {4000+}\r\n', 'x'],
  ['IMAP literal nobody wants', IMAP, 'a LOGIN {9000+}\r\n', 'x'],
  ['IMAP SASL', IMAP, 'a AUTHENTICATE SCRAM-SHA-256\r\n', 'A'],
  ['POP3 commands', POP3, '', 'CAPA\r\n'],
  ['POP3 octets', POP3, 'USE', 'R'],
  ['POP3 SASL', POP3, 'AUTH SCRAM-SHA-256\r\n', 'A'],
];

/** @returns milliseconds until the server hung up */
async function drip(port: number, opening: string, drop: string): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  let closed = false;
  socket.on('data', () => {});
  socket.on('error', () => {});
  for (const event of ['end', 'close'] as const) socket.on(event, () => (closed = true));
  const began = performance.now();
  socket.write(opening);
  while (!closed && performance.now() - began < 10_000) {
    socket.write(drop);
    await sleep(100);
  }
  socket.destroy();
  return performance.now() - began;
}

async function beforeLogin(): Promise<string> {
  const server = await faultServer({
    accounts: ['ann@example.com'],
    workers: 1,
    env: {
      POSTCOTE_AUTH__ALLOW_CLEARTEXT: 'false',
      POSTCOTE_IMAP__LOGIN_TIMEOUT: `${loginTimeout}ms`,
      POSTCOTE_POP3__LOGIN_TIMEOUT: `${loginTimeout}ms`,
    },
  });
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
    for (const [name, port, fits, over] of limits(IMAP, POP3)) {
      const [good, bad] = [await stranger(port, fits), await stranger(port, over)];
      if (/too long|TOOBIG|too big|literal too/i.test(good)) wrong.push(`${name}: refused within the limit: ${good}`);
      if (!/too long|TOOBIG|too big|-ERR|BAD/i.test(bad) || good === bad) wrong.push(`${name}: taken over the limit: ${bad}`);
    }
    const drips = await Promise.all(dripping(server.ports).map(([name, ...rest]) => drip(...rest).then((took) => [name, took] as const)));
    for (const [name, took] of drips) if (took > 2 * loginTimeout + 1500) wrong.push(`${name}: still there after ${Math.round(took)} ms`);
    await Promise.all(Array.from({ length: 50 }, () => stranger(IMAP, 'a LOGIN {4294967295+}\r\n', 'x'.repeat(5000))));
    const grown = Math.round(memory() - before);
    if (wrong.length > 0) throw new Failed(wrong.join(' || '));
    return figures(
      {
        probes: probes.length,
        limits: limits(0, 0).length,
        wrong: 0,
        drips: drips.length,
        dripsEndedMs: Math.round(Math.max(...drips.map(([, took]) => took))),
        grownMiB: grown,
        errors: server.errors().length,
      },
      ['errors'],
      { grownMiB: 150 },
    );
  } finally {
    await server.close();
  }
}

export const resourceTests: readonly FaultTest[] = [
  { name: 'costly-messages', run: messages },
  { name: 'off-the-loop', run: ({ long }) => offTheLoop(long) },
  { name: 'before-login', run: beforeLogin },
];
