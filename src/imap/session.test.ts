import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type ImapClient, type ImapServer, imapServer } from '../../test/support/imap.ts';
import { crowd } from '../../test/support/time.ts';

const message = (n: number): string => `From: a${n}@example.com\r\nSubject: s${n}\r\n\r\nbody ${n}\r\n`;

let server: ImapServer | undefined;
const clients: ImapClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  expect(server?.bugs ?? []).toEqual([]);
  await server?.close();
  server = undefined;
});
/** Lines that are all different. */
const numbered = (count: number): string => Array.from({ length: count }, (_, n) => `line ${n}\r\n`).join('');
const start = async (options: Parameters<typeof imapServer>[0] = {}): Promise<ImapServer> => {
  server = await imapServer(options);
  return server;
};
const client = async (name?: string): Promise<ImapClient> => {
  const made = await server!.client(name);
  clients.push(made);
  return made;
};

describe('bounds before login', () => {
  it('refuses long lines and goes on', async () => {
    await start();
    const c = await client();
    c.send(`y LOGIN a ${'x'.repeat(9000)}\r\n`);
    expect(await c.line()).toMatch(/^\* BAD/);
    c.send('z NOOP\r\n');
    expect(await c.line()).toBe('z OK NOOP completed.');
  });

  it('refuses big literals before they come', async () => {
    await start();
    const c = await client();
    c.send('a LOGIN {5000}\r\n');
    expect(await c.line()).toBe('a NO [TOOBIG] Too big');
    c.send(`b LOGIN {5000+}\r\n${'x'.repeat(5000)} y\r\nc NOOP\r\n`);
    expect(await c.line()).toBe('b NO [TOOBIG] Too big');
    expect(await c.line()).toBe('c OK NOOP completed.');
    c.send('d LOGIN {4294967295+}\r\n');
    expect(await c.line()).toBe('* BYE [TOOBIG] Literal too big.');
    expect(await c.line()).toBe('');
  });

  it('takes small literals', async () => {
    await start();
    const c = await client();
    await c.ok('LOGIN {1}\r\na {6}\r\nsecret');
  });

  it('says goodbye after too many bad commands', async () => {
    await start({ settings: { maxBadCommands: 3 } });
    const c = await client();
    for (let i = 0; i < 3; i++) expect((await c.command('NONSENSE'))[0]).toMatch(/^BAD/);
    expect(await c.line()).toBe('* BYE Too many invalid commands.');
  });

  it('says goodbye after too many failed logins', async () => {
    await start({ settings: { maxLoginFailures: 2 } });
    const c = await client();
    expect((await c.command('LOGIN a b'))[0]).toBe('NO [AUTHENTICATIONFAILED] Authentication failed.');
    expect((await c.command('LOGIN a b'))[0]).toMatch(/^NO/);
    expect(await c.line()).toBe('* BYE Too many failed logins.');
  });

  it('ends sessions that do not log in', async () => {
    await start({ settings: { loginTimeout: 50 } });
    const c = await client();
    expect(await c.line()).toMatch(/^\* BYE/);
  });

  it('knows no other command', async () => {
    await start();
    const c = await client();
    for (const command of ['SELECT INBOX', 'FETCH 1 FLAGS', 'LIST "" *', 'IDLE', 'APPEND INBOX {3}'])
      expect((await c.command(command))[0], command).toMatch(/^BAD/);
  });

  it('hides LOGIN without TLS', async () => {
    await start({ plaintext: false });
    const c = await client();
    expect((await c.ok('CAPABILITY'))[0]).toMatch(/ LOGINDISABLED$/);
    expect((await c.command('LOGIN a secret'))[0]).toMatch(/^NO \[PRIVACYREQUIRED\]/);
  });
});

describe('authentication', () => {
  it('PLAIN with and without initial response', async () => {
    await start();
    const plain = Buffer.from('\0ann\0secret').toString('base64');
    const c = await client();
    expect((await c.ok(`AUTHENTICATE PLAIN ${plain}`))[0]).toMatch(/^\* CAPABILITY IMAP4rev1 /);
    const d = await client();
    d.send('a AUTHENTICATE PLAIN\r\n');
    expect(await d.line()).toBe('+ ');
    d.send(`${plain}\r\n`);
    expect(await d.line()).toMatch(/^\* CAPABILITY/);
    expect(await d.line()).toBe('a OK Logged in');
    const e = await client();
    e.send('a AUTHENTICATE PLAIN\r\n');
    await e.line();
    e.send('*\r\n');
    expect(await e.line()).toMatch(/^a BAD/);
    expect((await e.command('AUTHENTICATE NOPE'))[0]).toMatch(/^(NO|BAD|\+)/);
  });
});

describe('APPEND', () => {
  it('is refused before the message comes', async () => {
    await start({ settings: { messageSizeLimit: 1000 }, quota: 2000 });
    const c = await client('ann');
    c.send('a APPEND INBOX {1001}\r\n');
    expect(await c.line()).toMatch(/^a NO \[TOOBIG\]/);
    c.send('b APPEND nowhere {10}\r\n');
    expect(await c.line()).toMatch(/^b NO \[TRYCREATE\]/);
    await c.append('INBOX', 'x'.repeat(999));
    await c.append('INBOX', 'x'.repeat(999));
    c.send('c APPEND INBOX {500}\r\n');
    expect(await c.line()).toMatch(/^c NO \[OVERQUOTA\]/);
    c.send('d APPEND INBOX {500+}\r\n');
    c.send(`${'x'.repeat(500)}\r\ne NOOP\r\n`);
    expect(await c.line()).toMatch(/^d NO \[OVERQUOTA\]/);
    expect(await c.line()).toMatch(/^e OK/);
  });

  it('stores all messages of a command or none', async () => {
    await start();
    const c = await client('ann');
    expect((await c.command(`APPEND INBOX {3+}\r\nabc (\\Bad) {3+}\r\nabc`))[0]).toMatch(/^BAD/);
    expect((await c.ok('STATUS INBOX (MESSAGES)'))[0]).toBe('* STATUS INBOX (MESSAGES 0)');
    expect((await c.ok(`APPEND INBOX {3+}\r\nabc (\\Seen) {3+}\r\ndef`))[0]).toMatch(/^OK \[APPENDUID \d+ 1:2\]/);
  });

  it('gives back what it got, whatever the line ends', async () => {
    await start();
    const c = await client('ann');
    await c.ok('SELECT INBOX');
    const big = `Subject: x\r\n\r\n${numbered(100_000)}`;
    await c.append('INBOX', big);
    expect((await c.ok('FETCH 1 RFC822.SIZE'))[0]).toBe(`* 1 FETCH (RFC822.SIZE ${big.length})`);
    expect((await c.ok('FETCH 1 BODY.PEEK[]'))[0]).toBe(`* 1 FETCH (BODY[] {${big.length}}\r\n${big})`);
    for (const [offset, length] of [
      [0, 100_000],
      [100_000, 300_001],
      [400_001, 7],
      [10, 5],
      [1_200_000, 100_000],
      [2_000_000, 5],
    ] as const) {
      const piece = big.slice(offset, offset + length);
      expect((await c.ok(`FETCH 1 BODY.PEEK[]<${offset}.${length}>`))[0]).toBe(
        `* 1 FETCH (BODY[]<${offset}> {${piece.length}}\r\n${piece})`,
      );
    }
  });
});

describe('views', () => {
  const two = async (count: number): Promise<[ImapClient, ImapClient]> => {
    await start();
    const [a, b] = [await client('ann'), await client('ann')];
    for (let n = 1; n <= count; n++) await a.append('INBOX', message(n));
    await a.ok('SELECT INBOX');
    await b.ok('SELECT INBOX');
    return [a, b];
  };

  it('tells of expunged messages only where allowed', async () => {
    const [a, b] = await two(3);
    await a.ok('STORE 2 +FLAGS (\\Deleted)');
    expect(await a.ok('EXPUNGE')).toEqual(['* 2 EXPUNGE', '* 2 RECENT', 'OK Expunge completed.']);
    for (const command of ['FETCH 1:3 UID', 'STORE 1 +FLAGS (\\Seen)', 'SEARCH ALL'])
      expect((await b.ok(command)).join(), command).not.toMatch(/EXPUNGE(?!ISSUED)/);
    expect(await b.ok('FETCH 3 UID')).toEqual(['* 3 FETCH (UID 3)', 'OK Fetch completed.']);
    expect((await b.ok('NOOP'))[0]).toBe('* 2 EXPUNGE');
    expect((await b.ok('FETCH 2 UID'))[0]).toBe('* 2 FETCH (UID 3)');
  });

  it('answers FETCH of what is gone', async () => {
    const [a, b] = await two(2);
    await a.ok('STORE 1 +FLAGS (\\Deleted)');
    await a.ok('EXPUNGE');
    const answer = await b.ok('FETCH 1:2 (UID BODY.PEEK[])');
    expect(answer).toHaveLength(2);
    expect(answer.at(-1)).toMatch(/^OK \[EXPUNGEISSUED\]/);
  });

  it('tells of flags that others change, not of its own twice', async () => {
    const [a, b] = await two(2);
    expect(await a.ok('STORE 1 +FLAGS (\\Seen $Work)')).toEqual([
      '* FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $Work)',
      '* OK [PERMANENTFLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $Work \\*)] Flags permitted.',
      '* 1 FETCH (FLAGS (\\Seen $Work \\Recent))',
      'OK Store completed.',
    ]);
    expect((await b.ok('NOOP')).slice(2)).toEqual(['* 1 FETCH (FLAGS (\\Seen $Work))', 'OK NOOP completed.']);
    expect(await a.ok('STORE 1 -FLAGS.SILENT (\\Seen)')).toEqual(['OK Store completed.']);
    await b.ok('STORE 2 +FLAGS.SILENT (\\Flagged)');
    expect((await a.ok('STORE 2 +FLAGS.SILENT (\\Seen)'))[0]).toBe('* 2 FETCH (FLAGS (\\Seen \\Flagged \\Recent))');
  });

  it('gives \\Recent to one session', async () => {
    const [a, b] = await two(1);
    await b.append('INBOX', message(2));
    const answers = [await a.ok('NOOP'), await b.ok('NOOP')];
    expect(answers[0]).toContain('* 2 EXISTS');
    expect((await a.ok('FETCH 1 FLAGS'))[0]).toContain('\\Recent');
    expect((await b.ok('FETCH 1 FLAGS'))[0]).not.toContain('\\Recent');
    const seen = [await a.ok('FETCH 2 FLAGS'), await b.ok('FETCH 2 FLAGS')].map((lines) => lines[0]!.includes('\\Recent'));
    expect(seen.filter(Boolean)).toHaveLength(1);
  });

  it('marks \\Seen once, in an answer of its own', async () => {
    const [a] = await two(1);
    expect(await a.ok('FETCH 1 BODY[HEADER.FIELDS (SUBJECT)]')).toEqual([
      '* 1 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {15}\r\nSubject: s1\r\n\r\n)',
      '* 1 FETCH (FLAGS (\\Seen \\Recent))',
      'OK Fetch completed.',
    ]);
    expect(await a.ok('FETCH 1 (FLAGS BODY[TEXT])')).toEqual([
      '* 1 FETCH (FLAGS (\\Seen \\Recent) BODY[TEXT] {8}\r\nbody 1\r\n)',
      'OK Fetch completed.',
    ]);
  });

  it('says goodbye when another session deletes the mailbox, not when its own does', async () => {
    await start();
    const [a, b] = [await client('ann'), await client('ann')];
    await a.ok('CREATE x');
    await a.ok('SELECT x');
    await b.ok('SELECT x');
    expect((await a.ok('DELETE x'))[0]).toMatch(/^\* OK \[CLOSED\]/);
    await a.ok('NOOP');
    expect((await b.command('NOOP'))[0]).toMatch(/^\* BYE/);
  });

  it('keeps a renamed mailbox selected', async () => {
    await start();
    const [a, b] = [await client('ann'), await client('ann')];
    await a.ok('CREATE x');
    await a.append('x', message(1));
    await a.ok('SELECT x');
    await b.ok('RENAME x y');
    expect((await a.ok('FETCH 1 UID'))[0]).toBe('* 1 FETCH (UID 1)');
  });

  it('is read-only after EXAMINE', async () => {
    const [a] = await two(1);
    expect((await a.ok('EXAMINE INBOX')).at(-1)).toMatch(/^OK \[READ-ONLY\]/);
    for (const command of ['STORE 1 +FLAGS (\\Seen)', 'EXPUNGE', 'MOVE 1 INBOX'])
      expect((await a.command(command))[0], command).toMatch(/^NO/);
    await a.ok('FETCH 1 BODY[]');
    expect((await a.ok('FETCH 1 FLAGS'))[0]).not.toContain('Seen');
    await a.ok('CLOSE');
  });
});

describe('IDLE', () => {
  it('tells of new mail at once and ends with DONE', async () => {
    await start();
    const [a, b] = [await client('ann'), await client('ann')];
    await a.ok('SELECT INBOX');
    a.send('i IDLE\r\n');
    expect(await a.line()).toBe('+ idling');
    const before = performance.now();
    await b.append('INBOX', message(1));
    expect(await a.line()).toBe('* 1 EXISTS');
    expect(performance.now() - before).toBeLessThan(100 * crowd());
    expect(await a.line()).toBe('* 1 RECENT');
    await b.ok('SELECT INBOX');
    await b.ok('STORE 1 +FLAGS (\\Deleted)');
    expect(await a.line()).toMatch(/^\* 1 FETCH \(FLAGS/);
    await b.ok('EXPUNGE');
    expect(await a.line()).toBe('* 1 EXPUNGE');
    expect(await a.line()).toBe('* 0 RECENT');
    a.send('done\r\nj NOOP\r\n');
    expect(await a.line()).toBe('i OK Idle completed.');
    expect(await a.line()).toBe('j OK NOOP completed.');
  });

  it('ends when the server stops', async () => {
    await start();
    const a = await client('ann');
    a.send('i IDLE\r\n');
    await a.line();
    const closed = server!.close();
    expect(await a.line()).toBe('* BYE Server is shutting down.');
    await closed;
    server = undefined;
  });
});

it('runs pipelined commands in order', async () => {
  await start();
  const c = await client('ann');
  c.send('a CREATE x\r\nb STATUS x (MESSAGES)\r\nc APPEND x {3+}\r\nabc\r\nd STATUS x (MESSAGES)\r\ne LOGOUT\r\n');
  const lines = [];
  for (let line = await c.line(); line !== ''; line = await c.line()) lines.push(line.replace(/\[.*\] /, ''));
  expect(lines).toEqual([
    'a OK Create completed.',
    '* STATUS x (MESSAGES 0)',
    'b OK STATUS completed.',
    'c OK Append completed.',
    '* STATUS x (MESSAGES 1)',
    'd OK STATUS completed.',
    '* BYE Logging out',
    'e OK LOGOUT completed.',
  ]);
});

it('gives a long message to a client that stops reading, and through the compressor', async () => {
  await start();
  const c = await client('ann');
  const big = `Subject: x\r\n\r\n${numbered(300_000)}`;
  await c.append('INBOX', big);
  await c.ok('SELECT INBOX');
  const asked = c.ok('FETCH 1 BODY.PEEK[]');
  for (let n = 0; n < 20; n++) {
    c.socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 2));
    c.socket.resume();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect((await asked)[0] === `* 1 FETCH (BODY[] {${big.length}}\r\n${big})`).toBe(true);
  await c.ok('COMPRESS DEFLATE');
  const [deflate, inflate] = [createDeflateRaw(), createInflateRaw()];
  c.socket.removeAllListeners('data');
  const pieces: Buffer[] = [];
  const done = new Promise<void>((resolve) => {
    inflate.on('data', (piece: Buffer) => {
      pieces.push(piece);
      if (piece.includes('z OK')) resolve();
    });
  });
  c.socket.on('data', (chunk) => inflate.write(Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk, 'latin1')));
  deflate.on('data', (chunk: Buffer) => c.socket.write(chunk));
  deflate.write('z FETCH 1 BODY.PEEK[]\r\n');
  deflate.flush(constants.Z_SYNC_FLUSH);
  await done;
  expect(Buffer.concat(pieces).toString().includes(big)).toBe(true);
});

it('compresses both ways', async () => {
  await start();
  const c = await client('ann');
  await c.ok('COMPRESS DEFLATE');
  const [deflate, inflate] = [createDeflateRaw(), createInflateRaw()];
  c.socket.removeAllListeners('data');
  let text = '';
  const done = new Promise<void>((resolve) => {
    inflate.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (/z OK/.test(text)) resolve();
    });
  });
  c.socket.on('data', (chunk) => inflate.write(Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk, 'latin1')));
  deflate.on('data', (chunk: Buffer) => c.socket.write(chunk));
  deflate.write('y COMPRESS DEFLATE\r\nz NOOP\r\n');
  deflate.flush(constants.Z_SYNC_FLUSH);
  await done;
  expect(text).toContain('y NO [COMPRESSIONACTIVE]');
});

it.each([
  ['flushed', false],
  ['ended', true],
])('is plain again after UNAUTHENTICATE, the client having %s its stream. RFC 8437 4.1', async (_, ends) => {
  await start();
  const c = await client('ann');
  await c.ok('COMPRESS DEFLATE');
  const [deflate, inflate] = [createDeflateRaw(), createInflateRaw()];
  c.socket.removeAllListeners('data');
  const raw: Buffer[] = [];
  let text = '';
  const unauthenticated = new Promise<void>((resolve) => {
    inflate.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.includes('z OK')) resolve();
    });
  });
  c.socket.on('data', (chunk) => {
    const octets = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk, 'latin1');
    if (text.includes('z OK')) raw.push(octets);
    else inflate.write(octets);
  });
  deflate.on('data', (chunk: Buffer) => c.socket.write(chunk));
  if (ends) deflate.end('z UNAUTHENTICATE\r\n');
  else {
    deflate.write('z UNAUTHENTICATE\r\n');
    deflate.flush(constants.Z_SYNC_FLUSH);
  }
  await unauthenticated;
  c.socket.write('y LOGIN ann secret\r\nx NOOP\r\n');
  await vi.waitFor(() => expect(Buffer.concat(raw).toString()).toMatch(/y OK .*\r\nx OK NOOP/s));
});

it('speaks modified UTF-7, and UTF-8 once enabled', async () => {
  await start({ settings: { separator: '.' } });
  const c = await client('ann');
  await c.ok('CREATE &ZeVnLA-.a');
  expect(await c.ok('LIST "" "&ZeVnLA-.%"')).toEqual(['* LIST (\\HasNoChildren) "." &ZeVnLA-.a', 'OK LIST completed.']);
  expect((await c.command('CREATE &bad'))[0]).toMatch(/^NO \[CANNOT\]/);
  await c.ok('ENABLE IMAP4rev2');
  const name = Buffer.from('日本').toString('latin1');
  expect((await c.ok(`LIST "" "${name}.%"`))[0]).toBe(`* LIST (\\HasNoChildren) "." "${name}.a"`);
});

it('sends VANISHED and resynchronizes', async () => {
  await start();
  const c = await client('ann');
  for (let n = 1; n <= 4; n++) await c.append('INBOX', message(n));
  await c.ok('ENABLE QRESYNC');
  const selected = (await c.ok('SELECT INBOX')).join('\n');
  const uidValidity = /UIDVALIDITY (\d+)/.exec(selected)![1];
  const modSeq = /HIGHESTMODSEQ (\d+)/.exec(selected)![1];
  await c.ok('STORE 2:3 +FLAGS (\\Deleted)');
  expect((await c.ok('EXPUNGE'))[0]).toBe('* VANISHED 2:3');
  await c.ok('STORE 1 +FLAGS (\\Flagged)');
  await c.ok('UNSELECT');
  const again = await c.ok(`SELECT INBOX (QRESYNC (${uidValidity} ${modSeq}))`);
  expect(again).toContain('* VANISHED (EARLIER) 2:3');
  expect(again.filter((line) => line.includes('FETCH'))).toEqual([
    expect.stringMatching(/^\* 1 FETCH \(UID 1 FLAGS \(\\Flagged\) MODSEQ \(\d+\)\)$/),
  ]);
  expect((await c.ok('STORE 1 (UNCHANGEDSINCE 1) +FLAGS (\\Seen)')).at(-1)).toBe('OK [MODIFIED 1] Conditional STORE failed.');
});

it('keeps searches up to date', async () => {
  await start();
  const c = await client('ann');
  for (let n = 1; n <= 6; n++) await c.append('INBOX', message(n));
  await c.ok('SELECT INBOX');
  expect((await c.ok('SEARCH RETURN (UPDATE) BODY body SEEN'))[0]).toBe('* ESEARCH (TAG "t9")');
  expect(await c.ok('STORE 1,2,5 +FLAGS.SILENT \\Seen')).toContain('* ESEARCH (TAG "t9") ADDTO (0 1:2,5)');
  expect(await c.ok('STORE 1,2 -FLAGS.SILENT \\Seen')).toContain('* ESEARCH (TAG "t9") REMOVEFROM (0 1:2)');
  await c.ok('STORE 3:6 +FLAGS.SILENT \\Deleted');
  expect((await c.ok('EXPUNGE'))[0]).toBe('* ESEARCH (TAG "t9") REMOVEFROM (0 5)');
  await c.ok('CANCELUPDATE "t9"');
  expect(await c.ok('STORE 1 +FLAGS.SILENT \\Seen')).toEqual(['OK Store completed.']);
});

it('does without message numbers', async () => {
  await start();
  const c = await client('ann');
  for (let n = 1; n <= 3; n++) await c.append('INBOX', message(n));
  await c.ok('ENABLE UIDONLY');
  await c.ok('SELECT INBOX');
  expect((await c.command('FETCH 1 FLAGS'))[0]).toMatch(/^BAD \[UIDREQUIRED\]/);
  expect((await c.command('UID SEARCH NOT 1'))[0]).toMatch(/^BAD \[UIDREQUIRED\]/);
  expect((await c.ok('UID FETCH 2 FLAGS'))[0]).toBe('* 2 UIDFETCH (FLAGS (\\Recent))');
  expect((await c.ok('UID STORE 2 +FLAGS (\\Deleted)'))[0]).toBe('* 2 UIDFETCH (FLAGS (\\Deleted \\Recent))');
  expect((await c.ok('EXPUNGE'))[0]).toBe('* VANISHED 2');
});

it('keeps binary parts octet by octet', async () => {
  await start();
  const c = await client('ann');
  const octets = 'a\0b\nc\r\nd\xff\n';
  const text = `Content-Type: application/x-data\r\nContent-Transfer-Encoding: binary\r\n\r\n${octets}`;
  await c.ok(`APPEND INBOX ~{${text.length}+}\r\n${text}`);
  await c.ok('SELECT INBOX');
  expect((await c.ok('FETCH 1 BINARY.PEEK[1]'))[0]).toBe(`* 1 FETCH (BINARY[1] ~{${octets.length}}\r\n${octets})`);
  const base64 = Buffer.from(octets, 'latin1').toString('base64');
  expect((await c.ok('FETCH 1 BODY.PEEK[1]'))[0]).toBe(`* 1 FETCH (BODY[1] {${base64.length}}\r\n${base64})`);
});
