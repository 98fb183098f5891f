import type { MechanismTools } from '../../../src/auth/mechanism.ts';
import { mechanisms } from '../../../src/auth/mechanisms/index.ts';
import { formatAddress } from '../../../src/mail/address.ts';
import type { AccountId } from '../../../src/mail/numbers.ts';
import { proxyHeader } from '../../../src/net/proxy-protocol.ts';
import { DotStuffing } from '../../../src/pop3/dot-stuffing.ts';
import { commandLine, number, words } from '../../../src/pop3/grammar/command-line.ts';
import { DataWriter } from '../../../src/relay/data-writer.ts';
import { ReplyReader } from '../../../src/relay/reply.ts';
import { srsForward, srsReverse } from '../../../src/relay/srs.ts';
import { parseStsPolicy, stsId } from '../../../src/relay/sts-policy.ts';
import { bdatArgument, DataScanner } from '../../../src/smtp/grammar/data.ts';
import { HeaderGate } from '../../../src/smtp/grammar/header-gate.ts';
import { esmtpParameters } from '../../../src/smtp/grammar/parameters.ts';
import { path } from '../../../src/smtp/grammar/path.ts';
import { decodeXtext, encodeXtext } from '../../../src/smtp/grammar/xtext.ts';
import { type FuzzTarget, pieces, same } from '../target.ts';
import { text } from './mail.ts';

/** Message text from the wire: what came out, what was left, what was wrong. */
function scanned(chunks: Iterable<Buffer>, dots: boolean): { text: string; rest: string; defect: string | null } {
  const scanner = new DataScanner(dots);
  let out = '';
  let rest: string | null = null;
  for (const chunk of chunks) {
    if (rest !== null) {
      rest += chunk.toString('latin1');
      continue;
    }
    const copy = Buffer.from(chunk);
    const { bytes, end } = scanner.scan(copy);
    out += Buffer.from(bytes).toString('latin1');
    if (end !== -1) rest = chunk.toString('latin1', end);
  }
  if (rest === null && !dots) out += Buffer.from(scanner.finish()).toString('latin1');
  return { text: scanner.defect === null ? out : '', rest: rest ?? '', defect: scanner.defect };
}

const tools: MechanismTools = {
  account: async (name) =>
    name.startsWith('a')
      ? { id: 1 as AccountId, address: 'ann@example.com', password: '{PLAIN}secret', enabled: true, home: '/x', quota: 0 }
      : null,
  stored: () => ({ scheme: 'PLAIN', hash: 'secret' }),
  channelBinding: (type) => (type === 'tls-exporter' ? Buffer.alloc(32) : null),
  steady: async () => {},
  offers: () => true,
  fakeSalt: () => Buffer.alloc(16),
};

export const wireTargets: readonly FuzzTarget[] = [
  {
    name: 'SMTP data',
    seeds: ['Subject: x\r\n\r\nbody\r\n..\r\n.\r\nQUIT\r\n', '..\r\n.\n.\r.\r\n\0', '.\r\n'],
    words: ['\r\n.\r\n', '\r\n..\r\n', '\n.\n', '\r.\r', '\r\n.\n'],
    run(input, random) {
      const octets = Buffer.from(input, 'latin1');
      for (const dots of [true, false]) {
        const whole = scanned([octets], dots);
        same(`in pieces, dots ${dots}`, scanned(pieces(octets, random), dots), whole);
        if (/[\r\0]/.test(whole.text)) throw new Error('CR or NUL in a message');
        const gate = new HeaderGate();
        const gated = [...pieces(Buffer.from(whole.text, 'latin1'), random)].flatMap((piece) =>
          gate.pass(piece).map((part) => Buffer.from(part)),
        );
        const one = new HeaderGate();
        const atOnce = [...one.pass(Buffer.from(whole.text, 'latin1')).map((part) => Buffer.from(part)), ...one.finish()];
        same('header gate', Buffer.concat([...gated, ...gate.finish()]).toString('latin1'), Buffer.concat(atOnce).toString('latin1'));
      }
      return null;
    },
  },
  {
    name: 'relayed data',
    seeds: ['a\n.\nb\r\n..\rc', '.\n', 'a\n.\r\n.'],
    run(input, random) {
      const octets = Buffer.from(input, 'latin1');
      const sent = (chunks: Iterable<Buffer>): Buffer => {
        const writer = new DataWriter();
        const out = [...chunks].map((chunk) => writer.write(chunk));
        return Buffer.concat([...out, writer.end()]);
      };
      const wire = sent([octets]);
      same('in pieces', sent(pieces(octets, random)).toString('latin1'), wire.toString('latin1'));
      if (/\r(?!\n)|(?<!\r)\n/.test(wire.toString('latin1'))) throw new Error('a bare CR or LF leaves');
      // What leaves is one message, and the one it was.
      const { text: got, rest, defect } = scanned([Buffer.concat([wire, Buffer.from('QUIT\r\n')])], true);
      if (input.includes('\0')) return null;
      let expected = input.replace(/\r\n|\r/g, '\n');
      if (expected !== '' && !expected.endsWith('\n')) expected += '\n';
      same('received again', { got, rest, defect }, { got: expected, rest: 'QUIT\r\n', defect: null });
      return wire;
    },
  },
  {
    name: 'SMTP path',
    seeds: ['<a@b.example> SIZE=1 BODY=8BITMIME', '<"a b"@[192.0.2.1]>', '<@a,@b:c@d>', '<\u00c3\u00a9@b>', ' a@b'],
    run(input) {
      const line = Buffer.from(input, 'latin1').toString('utf8');
      if (/[\r\n\0]/.test(line)) return null;
      const found = path(line);
      esmtpParameters(found.rest);
      if (found.address === null) return found;
      const { localPart, domain } = found.address;
      if (/[\x00-\x1f\x7f]/.test(localPart + domain)) throw new Error('a control character in an address');
      if (domain !== '') same('written and read again', path(`<${formatAddress(found.address)}>`).address, { localPart, domain });
      return found;
    },
  },
  text(
    'ESMTP parameters',
    (input) => [...esmtpParameters(input)],
    'SIZE=1 BODY=8BITMIME RET=FULL ENVID=a+2Bb',
    'NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a@b',
  ),
  {
    name: 'xtext',
    seeds: ['a+2Bb', '+41+7E', 'a=b'],
    run(input) {
      const decoded = decodeXtext(input);
      if (/[\x00-\x1f\x7f]/.test(decoded)) throw new Error('a control character');
      same('written and read again', decodeXtext(encodeXtext(decoded)), decoded);
      return decoded;
    },
  },
  text('BDAT', bdatArgument, '10 LAST', '0', ' 5  last '),
  {
    name: 'SMTP replies',
    seeds: ['250-a\r\n250 b\r\n', '220 x\n550 5.1.1 no\r\n', '250\r\n'],
    run(input, random) {
      const octets = Buffer.from(input, 'latin1');
      const read = (chunks: Iterable<Buffer>): unknown => {
        const reader = new ReplyReader();
        const all: unknown[] = [];
        for (const chunk of chunks) {
          const replies = reader.write(Buffer.from(chunk));
          if (typeof replies === 'string') return 'broken';
          all.push(...replies);
        }
        return [all, reader.partial > 0];
      };
      const whole = read([octets]);
      if (
        /[\r\n\0]/.test(
          JSON.stringify(whole)
            .replaceAll('\\\\', '')
            .replace(/\\[rn]/g, '\n'),
        )
      )
        throw new Error('a line end in a reply');
      same('in pieces', read(pieces(octets, random)), whole);
      return whole;
    },
  },
  {
    name: 'POP3 line',
    seeds: ['RETR 1', 'PASS a b', 'APOP a 0123', 'TOP 1 10 '],
    run(input) {
      const { keyword, argument } = commandLine(Buffer.from(input, 'latin1'));
      if (/[a-z ]/.test(keyword)) throw new Error(`keyword ${keyword}`);
      for (const word of words(argument)) number(word);
      return keyword;
    },
  },
  {
    name: 'POP3 text',
    seeds: ['a\n.\n..b\r\n', 'A: b\n\n1\n2\n3\n', '.'],
    run(input, random) {
      const octets = Buffer.from(input, 'latin1');
      const lines = random() < 0.5 ? undefined : Math.floor(random() * 4);
      const out = (chunks: Iterable<Buffer>): string => {
        const stuffing = new DotStuffing(lines);
        let wire = '';
        for (const chunk of chunks) wire += Buffer.from(stuffing.write(Buffer.from(chunk))).toString('latin1');
        return wire + Buffer.from(stuffing.end()).toString('latin1');
      };
      const whole = out([octets]);
      same('in pieces', out(pieces(octets, random)), whole);
      if (/(?:^|\r\n)\.\r\n./s.test(whole) || !/(?:^|\r\n)\.\r\n$/.test(whole)) throw new Error('a dot line within, or none at the end');
      return whole;
    },
  },
  {
    name: 'SASL',
    seeds: [
      'PLAIN\n\0ann\0secret',
      'LOGIN\nann\nsecret',
      'CRAM-MD5\nann 00112233445566778899aabbccddeeff',
      'SCRAM-SHA-256\nn,,n=ann,r=abcdefgh\nc=biws,r=abcdefgh,p=AAAA',
      'SCRAM-SHA-1-PLUS\np=tls-exporter,a=bob,n=ann,r=abcdefgh',
    ],
    words: mechanisms.map(({ name }) => `${name}\n`),
    async run(input) {
      const [name = '', ...responses] = input.split('\n');
      const mechanism = mechanisms.find((one) => one.name === name) ?? mechanisms[name.length % mechanisms.length]!;
      const exchange = mechanism.start(responses[0] === undefined ? null : Buffer.from(responses[0], 'latin1'), tools);
      let turn = await exchange.next();
      for (let i = 1; turn.done !== true && i < 8; i++) turn = await exchange.next(Buffer.from(responses[i] ?? '', 'latin1'));
      if (turn.done !== true) throw new Error('does not end');
      const { authenticationId, authorizationId, password } = turn.value;
      if ((authenticationId + authorizationId + (password ?? '')).includes('\0')) throw new Error('NUL in a name');
      // Nobody is who does not know the secret.
      if (password === null && turn.value.account !== undefined) throw new Error('a proof by chance');
      return turn.value;
    },
  },
  {
    name: 'PROXY',
    seeds: [
      'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nx',
      'PROXY TCP6 ::1 ::2 1 2\r\n',
      '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01\x02\x03\x04\x05\x06\x07\x08\0\x01\0\x02',
    ],
    run(input, random) {
      const octets = Buffer.from(input, 'latin1');
      const whole = proxyHeader(octets);
      // As it comes, octet by octet: nothing is decided before all is there.
      for (const cut of [Math.floor(random() * (whole?.length ?? octets.length))]) {
        const part = proxyHeader(octets.subarray(0, cut));
        if (whole !== null && part !== null) throw new Error(`a header of ${cut} octets where it has ${whole.length}`);
      }
      if (whole !== null && whole.length > octets.length) throw new Error('longer than what came');
      return whole;
    },
  },
  {
    name: 'SRS',
    seeds: ['a@b.example', 'SRS0=HHHHHH=AA=b.example=a@c.example', 'SRS1=HHHHHH=c.example==HHHHHH=AA=b=a@d.example'],
    run(input) {
      const at = input.lastIndexOf('@');
      const address = { localPart: input.slice(0, Math.max(0, at)), domain: input.slice(at + 1).toLowerCase() };
      const srs = { secret: 'x', now: () => 1_700_000_000_000 };
      srsReverse(address.localPart, srs);
      if (!/^[!-~]+$/.test(address.localPart) || !/^[a-z0-9.-]+$/.test(address.domain)) return null;
      const forward = srsForward(address, 'ours.example', srs);
      if (forward !== null && !/^SRS/i.test(address.localPart)) same('there and back', srsReverse(forward.localPart, srs), address);
      return forward;
    },
  },
  text(
    'MTA-STS',
    (input) => [parseStsPolicy(input), stsId([input])],
    'version: STSv1\r\nmode: enforce\r\nmx: *.a.b\r\nmax_age: 86400\r\n',
    'v=STSv1; id=20240101;',
  ),
];
