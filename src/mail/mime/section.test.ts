import { describe, expect, it } from 'vitest';
import { messageFacts } from './facts.ts';
import { resolveSection } from './section.ts';

const inner = `Subject: submsg
Content-Type: multipart/digest; boundary="foo"

prologue

--foo 

From: m1@example.com
Subject: m1

m1 body

--foo 
X-Mime: m2 header

Subject: m2

m2 body

--foo--

epilogue
`;
const rfc822 = `From: user@domain.org
Mime-Version: 1.0
Content-Type: message/rfc822

${inner}`;
const mixed = `Content-Type: multipart/mixed; boundary=b

--b
X-P: 1

hello

--b
Content-Type: message/rfc822

Subject: in

text
--b--
`;
const plain = 'Subject: s\n\nbody\n';

describe('section', () => {
  it.each([
    [rfc822, '', rfc822],
    [rfc822, 'TEXT', inner],
    [rfc822, '1', inner],
    [rfc822, '1.HEADER', inner.slice(0, inner.indexOf('prologue'))],
    [rfc822, '1.TEXT', inner.slice(inner.indexOf('prologue'))],
    [rfc822, '1.1', 'From: m1@example.com\nSubject: m1\n\nm1 body\n'],
    [rfc822, '1.1.MIME', '\n'],
    [rfc822, '1.1.HEADER', 'From: m1@example.com\nSubject: m1\n\n'],
    [rfc822, '1.1.TEXT', 'm1 body\n'],
    [rfc822, '1.2.MIME', 'X-Mime: m2 header\n\n'],
    [rfc822, '1.2.HEADER.FIELDS', 'Subject: m2\n\n'],
    [rfc822, '1.3', null],
    [mixed, '1', 'hello\n'],
    [mixed, '1.mime', 'X-P: 1\n\n'],
    [mixed, '1.HEADER', null],
    [mixed, '2', 'Subject: in\n\ntext'],
    [mixed, '2.1', 'text'],
    [mixed, '2.1.MIME', 'Subject: in\n\n'],
    [mixed, '2.TEXT', 'text'],
    [mixed, '3', null],
    [mixed, '2.2', null],
    [plain, '1', 'body\n'],
    [plain, '1.MIME', 'Subject: s\n\n'],
    [plain, '2', null],
    [plain, 'MIME', null],
    [plain, '1.', null],
    [plain, '0', null],
    [plain, 'BODY', null],
    ['Content-Type: multipart/mixed; boundary=b\n\nnone', '1', ''],
  ])('of %j: %s', (text, spec, expected) => {
    const bytes = Buffer.from(text);
    const section = resolveSection(messageFacts(bytes).root, spec);
    expect(section === null ? null : bytes.toString('latin1', section.start, section.end)).toBe(expected);
  });
});
