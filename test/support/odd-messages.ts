/** A message nobody should send, and what is odd about it. Octets as latin1. */
export interface OddMessage {
  readonly name: string;
  readonly text: string;
}

const plain = ['Date: Mon, 3 Mar 2025 10:00:00 +0100', 'Subject: odd', 'From: Ann <ann@example.com>'];

const withFields = (name: string, ...fields: string[]): OddMessage => ({ name, text: [...plain, ...fields, '', 'body', ''].join('\r\n') });
const withBody = (name: string, type: string, ...body: string[]): OddMessage => ({
  name,
  text: [...plain, 'MIME-Version: 1.0', `Content-Type: ${type}`, '', ...body, ''].join('\r\n'),
});

const addresses = [
  'a@b.c',
  '<a@b.c>',
  'Name <a@b.c>',
  '"Quoted, Name" <a@b.c>',
  '"Esc \\" quote" <a@b.c>',
  'a@b.c (Comment)',
  '(before) a@b.c (after)',
  'Name (comment) <a@b.c>',
  'a (c1) @ (c2) b.c',
  '<@r1,@r2:a@b.c>',
  '<@r1:a@b.c>',
  'group: a@b.c, d@e.f;',
  'group:;',
  'group: "N" <a@b.c>;, x@y.z',
  'undisclosed-recipients:;',
  'group: a@b.c',
  'a@b.c, , d@e.f',
  ',,a@b.c',
  'a@b.c;d@e.f',
  'a b c <x@y>',
  'no-domain',
  '<no-domain>',
  '<>',
  '',
  ' ',
  '@',
  'a@',
  '@b.c',
  '<a@b.c',
  'a@b.c>',
  '"unterminated <a@b.c>',
  'a@[127.0.0.1]',
  'a@[IPv6:::1]',
  '"quoted local"@b.c',
  '"a\\"b"@b.c',
  'a.b.@c.d',
  '.a@b.c',
  'a..b@c.d',
  'J. Random <j@r.c>',
  'J. Random. Jr. <j@r.c>',
  '=?utf-8?q?J=C3=B6rg?= <j@r.c>',
  '"=?utf-8?q?J=C3=B6rg?=" <j@r.c>',
  'J\xc3\xb6rg <j@r.c>',
  'J\xf6rg <j@r.c>',
  'a@b\xc3\xb6.c',
  'a@b.c\r\n\t, d@e.f',
  'Name\r\n <a@b.c>',
  'a@b.c, "x\r\n y" <d@e.f>',
  'a @ b . c',
  'a@b.c d@e.f',
  '<a@b.c> <d@e.f>',
  'Name <a@b.c> trailing',
  'Name <a@b.c> (comment) more',
  '((nested) comment) a@b.c',
  '(open comment a@b.c',
  'a@b.c (open',
  'a\\@b@c.d',
  'a,b@c.d',
  'Name <a b@c.d>',
  'Name <<a@b.c>>',
  'mailto:a@b.c',
  'a@b.c\0d@e.f',
  '"" <a@b.c>',
  '<"" @b.c>',
  `${'x'.repeat(900)}@b.c`,
];

const singles = ['In-Reply-To: <a@b>', 'In-Reply-To: a b c', 'In-Reply-To:', 'Message-ID: <x@y>', 'Message-ID: no brackets', 'Message-ID:'];

const fieldSets: readonly (readonly [string, readonly string[]])[] = [
  ['subject twice', ['Subject: second']],
  ['from twice', ['From: second@example.com']],
  ['to twice', ['To: a@b.c', 'To: d@e.f']],
  ['cc twice', ['Cc: a@b.c', 'Cc: d@e.f']],
  ['date twice', ['Date: Tue, 4 Mar 2025 10:00:00 +0100']],
  ['message-id twice', ['Message-ID: <1@x>', 'Message-ID: <2@x>']],
  ['folded subject', ['Subject: a', ' b', '\tc']],
  ['space before colon', ['Message-ID : <x@y>']],
  ['no colon', ['this is no field', 'To: a@b.c']],
  ['blank folded line', ['To: a@b.c,', ' ', ' d@e.f']],
  ['8-bit field name', ['X-\xe4: y', 'To: a@b.c']],
  ['NUL in a field', ['X-Nul: a\0b', 'Message-ID: <x\0@y>']],
  ['tab after colon', ['Message-ID:\t<x@y>']],
  ['empty to', ['To:']],
  ['empty sender and reply-to', ['Sender:', 'Reply-To:']],
  ['sender other', ['Sender: s@t.u']],
  ['reply-to group', ['Reply-To: list: a@b.c;']],
  ['long line', [`X-Long: ${'y'.repeat(5000)}`]],
  ['many fields', Array.from({ length: 300 }, (_, i) => `X-${i}: ${i}`)],
];

const types = [
  'text/plain',
  'TEXT/PLAIN',
  'text',
  'text/',
  '/plain',
  '',
  ';',
  'text/plain;',
  'text/plain; charset',
  'text/plain; charset=',
  'text/plain; charset="utf-8"',
  "text/plain; charset='utf-8'",
  'text/plain; charset=utf-8; charset=latin1',
  'text/plain; format=flowed; delsp=yes',
  'text / plain ; charset = utf-8',
  'text/plain (comment); charset=utf-8 (another)',
  'text/plain; (c) charset=us-ascii',
  'text/plain charset=utf-8',
  'text/plain, charset=utf-8',
  'text/plain; name="a\\"b"',
  'text/plain; name="unterminated',
  'text/plain; name=a b c',
  'text/plain; name=\xe4\xf6',
  'text/plain; name="\xe4\xf6"',
  "application/x; name*=utf-8''%e4%bd%a0",
  'application/x; name*0=a; name*1=b; name*2=c',
  "application/x; name*0*=utf-8''a%20; name*1=b",
  'application/x; name*1=b; name*0=a',
  'application/x; name*0=a; name*2=c',
  'application/x; name=plain; name*0=a',
  'application/octet-stream\r\n ; name="folded\r\n name"',
  'x-unknown/y',
  'message/rfc822',
  'message/delivery-status',
  'message/partial; id="x"; number=1',
  'message/external-body; access-type=URL; URL="http://x"',
  'multipart/mixed',
  'multipart/mixed; boundary',
  'multipart/mixed; boundary=""',
  'multipart/mixed; boundary=" "',
  'multipart/mixed; boundary=b',
  'multipart/digest; boundary=b',
  'multipart/x-unknown; boundary=b',
  'multipart/alternative; boundary="b "',
  'multipart/mixed; boundary=b; boundary=c',
  'text/html; boundary=b',
  `multipart/mixed; boundary=${'b'.repeat(80)}`,
];

const bodies: readonly (readonly [string, readonly string[]])[] = [
  ['nothing', []],
  ['no boundary', ['just text']],
  ['one part', ['--b', '', 'x', '--b--']],
  ['open end', ['--b', '', 'x']],
  ['only the end', ['--b--']],
  ['only a boundary', ['--b']],
  ['preamble and epilogue', ['pre', '--b', '', 'x', '--b--', 'post']],
  ['spaces after boundary', ['--b  ', '', 'x', '--b-- ']],
  ['longer boundary', ['--bb', '', 'x', '--b', '', 'y', '--b--']],
  ['text after the end', ['--b', '', 'x', '--b--', '--b', '', 'late']],
  ['no blank line', ['--b', 'Content-Type: text/html', '--b', '', 'y', '--b--']],
  ['header only', ['--b', 'Content-Type: text/html', '', '--b--']],
  ['body without header', ['--b', 'not a field', '', 'x', '--b--']],
  ['nested', ['--b', 'Content-Type: multipart/alternative; boundary=c', '', '--c', '', 'x', '--c--', '', '--b--']],
  ['nested, inner open', ['--b', 'Content-Type: multipart/alternative; boundary=c', '', '--c', '', 'x', '--b', '', 'y', '--b--']],
  ['nested, same boundary', ['--b', 'Content-Type: multipart/mixed; boundary=b', '', '--b', '', 'x', '--b--', '--b--']],
  [
    'nested, inner is a prefix',
    ['--b', 'Content-Type: multipart/mixed; boundary=b1', '', '--b1', '', 'x', '--b1--', '--b', '', 'y', '--b--'],
  ],
  ['message inside', ['--b', 'Content-Type: message/rfc822', '', 'Subject: in', 'From: i@n.n', '', 'inner', '--b--']],
  ['empty message inside', ['--b', 'Content-Type: message/rfc822', '', '--b--']],
  [
    'multipart in a message',
    ['--b', 'Content-Type: message/rfc822', '', 'Content-Type: multipart/mixed; boundary=c', '', '--c', '', 'x', '--c--', '--b--'],
  ],
  ['encoded', ['--b', 'Content-Transfer-Encoding: base64', '', 'eA==', '--b', 'Content-Transfer-Encoding: X-Odd', '', 'y', '--b--']],
  [
    'disposition',
    [
      '--b',
      'Content-Disposition: attachment; filename="a b.txt"; size=3',
      'Content-ID: <i@d>',
      'Content-Description: a (thing)',
      'Content-Language: en, de',
      'Content-Location: http://x/y',
      'Content-MD5: abc',
      '',
      'x',
      '--b--',
    ],
  ],
  [
    'disposition odd',
    ['--b', 'Content-Disposition: ; filename=x', '', 'x', '--b', 'Content-Disposition: inline filename=y', '', 'y', '--b--'],
  ],
  ['disposition RFC 2231', ['--b', "Content-Disposition: attachment; filename*0*=utf-8''%e4; filename*1=b", '', 'x', '--b--']],
  ['language odd', ['--b', 'Content-Language: ,', '', 'x', '--b', 'Content-Language:', '', 'y', '--b--']],
  ['8-bit text', ['--b', '', '\xe4\xf6\xfc\xc3\xb6', '--b--']],
  ['NUL in the body', ['--b', '', 'a\0b', '--b--']],
  ['boundary in mid line', ['--b', '', 'x --b', 'y', '--b--']],
  ['blank parts', ['--b', '', '', '--b', '', '--b--']],
];

/** About 350 messages: addresses, fields, content types, multiparts, line ends. */
export function oddMessages(): OddMessage[] {
  const found: OddMessage[] = [];
  for (const address of addresses) found.push(withFields(`to ${JSON.stringify(address).slice(0, 60)}`, `To: ${address}`));
  for (const address of addresses)
    found.push({ name: `from ${JSON.stringify(address).slice(0, 60)}`, text: `Subject: x\r\nFrom: ${address}\r\n\r\nbody\r\n` });
  for (const single of singles) found.push(withFields(single, single));
  for (const [name, fields] of fieldSets) found.push(withFields(name, ...fields));
  for (const type of types) {
    found.push(withBody(`type ${JSON.stringify(type).slice(0, 60)}`, type, 'hello', '--b', '', 'x', '--b--'));
  }
  for (const [name, lines] of bodies) {
    found.push(withBody(`mixed, ${name}`, 'multipart/mixed; boundary=b', ...lines));
    found.push(withBody(`digest, ${name}`, 'multipart/digest; boundary=b', ...lines));
    const { text } = withBody(name, 'multipart/mixed; boundary=b', ...lines);
    found.push({ name: `LF only, ${name}`, text: text.replaceAll('\r\n', '\n') });
  }
  for (const encoding of ['7bit', 'BASE64', 'base64 (c)', '"base64"', 'x', '', 'quoted-printable; x=y', '8bit\r\n'])
    found.push(withFields(`encoding ${JSON.stringify(encoding)}`, `Content-Transfer-Encoding: ${encoding.trim()}`));
  for (const subject of ['=?utf-8?q?a?=', '=?utf-8?q?a', '\xe4\xf6', 'a "quote" \\ b', '', '  two spaces', 'x'.repeat(2000), 'nul\0nul'])
    found.push({ name: `subject ${JSON.stringify(subject).slice(0, 40)}`, text: `Subject: ${subject}\r\nFrom: a@b.c\r\n\r\nx\r\n` });
  for (const date of ['Mon, 3 Mar 2025 10:00:00 +0100', '3 Mar 25 10:00 GMT', 'not a date', '', '"quoted"'])
    found.push({ name: `date ${JSON.stringify(date)}`, text: `Date: ${date}\r\nFrom: a@b.c\r\n\r\nx\r\n` });
  const shapes: Record<string, string> = {
    'nothing at all': '',
    'one line end': '\r\n',
    'no header': '\r\nbody\r\n',
    'header only': 'Subject: x\r\n',
    'header without line end': 'Subject: x',
    'no blank line': 'Subject: x\r\nbody without blank line\r\n',
    'CR only': 'Subject: x\rFrom: a@b.c\r\rbody\r',
    'mixed line ends': 'Subject: x\nFrom: a@b.c\r\n\nbody\n\r\n',
    'CR CR LF': 'Subject: x\r\r\nFrom: a@b.c\r\n\r\nbody\r\n',
    'starts with a fold': ' folded first\r\nSubject: x\r\n\r\nb\r\n',
    'mbox line': 'From a@b.c Mon Mar  3 10:00:00 2025\r\nSubject: x\r\n\r\nb\r\n',
    octets: Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join(''),
    'blank first line': '\r\nSubject: x\r\n\r\nb\r\n',
  };
  for (const [name, text] of Object.entries(shapes)) found.push({ name, text });
  return found;
}
