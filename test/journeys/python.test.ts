import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { has, journey, run } from '../support/program.ts';

const ports = `
import sys, ssl, smtplib, imaplib, poplib, time
from email.message import EmailMessage
p = dict(arg.split('=') for arg in sys.argv[1:])
p = {name: int(port) for name, port in p.items()}
tls = ssl._create_unverified_context()
def message(subject):
    m = EmailMessage()
    m['From'] = 'ann@example.com'
    m['To'] = 'bob@example.com'
    m['Subject'] = subject
    m.set_content('.dot\\nGrüße, 日本語\\n')
    return m
`;

const scripts: Record<string, string> = {
  'smtplib in the clear': `
s = smtplib.SMTP('127.0.0.1', p['submission'])
s.login('ann@example.com', 'secret')
assert s.send_message(message('clear')) == {}
assert s.has_extn('size') and s.has_extn('8bitmime') and s.has_extn('smtputf8')
print(s.quit())
`,
  'smtplib with STARTTLS': `
s = smtplib.SMTP('127.0.0.1', p['submission'])
s.starttls(context=tls)
s.login('ann@example.com', 'secret')
s.send_message(message('starttls'))
try:
    s.sendmail('other@example.net', ['bob@example.com'], 'x')
    raise SystemExit('sender of another was taken')
except (smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused) as e:
    print(e)
s.quit()
`,
  'smtplib under TLS': `
s = smtplib.SMTP_SSL('127.0.0.1', p['submissions'], context=tls)
s.login('ann@example.com', 'secret')
s.send_message(message('tls'))
s.quit()
`,
  'imaplib in the clear, with STARTTLS, and under TLS': `
def look(m):
    m.login('bob@example.com', 'secret')
    assert m.select('INBOX')[0] == 'OK'
    ok, found = m.search(None, 'FROM', 'ann')
    assert len(found[0].split()) == 3, found
    ok, data = m.fetch(found[0].split()[0], '(UID FLAGS RFC822.SIZE BODY.PEEK[])')
    assert len(data[0][1]) == int(data[0][0].split(b'RFC822.SIZE ')[1].split()[0].rstrip(b')')), data
    assert '日本語' in __import__('email').message_from_bytes(data[0][1], policy=__import__('email').policy.default).get_content()
    assert m.create('Later')[0] == 'OK'
    assert m.copy('1', 'Later')[0] == 'OK'
    assert m.store('1', '+FLAGS', '\\\\Flagged')[0] == 'OK'
    assert m.status('Later', '(MESSAGES)')[1] == [b'Later (MESSAGES 1)']
    assert m.append('Later', '\\\\Seen', imaplib.Time2Internaldate(time.time()), b'Subject: x\\r\\n\\r\\ny\\r\\n')[0] == 'OK'
    assert m.select('Later')[1] == [b'2']
    assert m.uid('store', '1:*', '+FLAGS', '\\\\Deleted')[0] == 'OK'
    assert m.expunge()[1] == [b'1', b'1']
    m.close()
    assert m.delete('Later')[0] == 'OK'
    m.logout()
import email.policy
look(imaplib.IMAP4('127.0.0.1', p['imap']))
m = imaplib.IMAP4('127.0.0.1', p['imap'])
m.starttls(tls)
look(m)
look(imaplib.IMAP4_SSL('127.0.0.1', p['imaps'], ssl_context=tls))
`,
  'poplib in the clear, with STLS, and under TLS': `
def look(m):
    assert m.getwelcome().endswith(b'ready.')
    m.user('bob@example.com')
    m.pass_('secret')
    count, octets = m.stat()
    assert count == 3
    listed = [int(line.split()[1]) for line in m.list()[1]]
    assert sum(listed) == octets
    ok, lines, got = m.retr(1)
    assert sum(len(line) + 2 for line in lines) == listed[0], (lines, listed)
    assert b'.dot' in lines or b'LmRvdA' in b''.join(lines), lines
    ok, lines, got = m.top(1, 0)
    assert lines[0] == b'Return-Path: <ann@example.com>', lines
    ids = [line.split()[1] for line in m.uidl()[1]]
    assert len(set(ids)) == 3
    m.noop(); m.rset()
    print(m.quit())
    return ids
one = look(poplib.POP3('127.0.0.1', p['pop3']))
m = poplib.POP3('127.0.0.1', p['pop3'])
assert 'STLS' in m.capa() and 'UIDL' in m.capa()
m.stls(tls)
two = look(m)
three = look(poplib.POP3_SSL('127.0.0.1', p['pop3s'], context=tls))
assert one == two == three
m = poplib.POP3('127.0.0.1', p['pop3'])
m.utf8()
m.user('bob@example.com'); m.pass_('secret')
m.dele(1); m.dele(2)
m.quit()
m = poplib.POP3('127.0.0.1', p['pop3'])
m.user('bob@example.com'); m.pass_('secret')
assert m.stat()[0] == 1
m.quit()
try:
    m = poplib.POP3('127.0.0.1', p['pop3'])
    m.user('bob@example.com'); m.pass_('wrong')
    raise SystemExit('wrong password was taken')
except poplib.error_proto as e:
    assert b'[AUTH]' in e.args[0]
`,
};

describe.skipIf(!has('python3'))('Python (skipped where it is not installed)', () => {
  let server: Awaited<ReturnType<typeof journey>>;
  beforeAll(async () => {
    server = await journey();
  });
  afterAll(() => server.close());

  it.each(Object.entries(scripts))('%s', async (_, script) => {
    const args = (['submission', 'submissions', 'imap', 'imaps', 'pop3', 'pop3s'] as const).map((name) => `${name}=${server.port(name)}`);
    const { code, output } = await run('python3', ['-W', 'ignore', '-c', ports + script, ...args]);
    expect({ code, output: code === 0 ? '' : output }).toEqual({ code: 0, output: '' });
  });
});
