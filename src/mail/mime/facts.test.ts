import { readdirSync, readFileSync } from 'node:fs';
import { simpleParser } from 'mailparser';
import { describe, expect, it } from 'vitest';
import { messageFacts } from './facts.ts';
import type { Part } from './part.ts';
import { bodyText, headerText } from './text.ts';
import { decodeTransfer } from './transfer.ts';

const fixtures = new URL('../../../test/fixtures/mime/', import.meta.url);
const read = (name: string): Buffer => readFileSync(new URL(name, fixtures));

function outline(part: Part, number = ''): string {
  const children = part.parts ?? (part.message === undefined ? [] : [part.message.root]);
  const line = `${number || '-'} ${part.type}/${part.subtype} header ${part.header} body ${part.start}-${part.end} ${part.size} octets ${part.lines} lines\n`;
  return (
    line +
    children.map((child, i) => outline(child, part.message === undefined ? `${number}${number && '.'}${i + 1}` : `${number}>`)).join('')
  );
}

const leaves = (part: Part): Part[] => (part.parts !== undefined ? part.parts.flatMap(leaves) : [part]);

describe('facts of fixtures', () => {
  it.each(readdirSync(fixtures).filter((name) => name.endsWith('.eml')))('%s', async (name) => {
    const bytes = read(name);
    const facts = messageFacts(bytes);
    const base = name.slice(0, -4);
    const at = (kind: string): string => new URL(`${base}.${kind}`, fixtures).pathname;
    await expect(outline(facts.root)).toMatchFileSnapshot(at('structure'));
    await expect(`${facts.envelope}\n`).toMatchFileSnapshot(at('envelope'));
    await expect(`${facts.bodyStructure}\n`).toMatchFileSnapshot(at('bodystructure'));
    const text = [...bodyText(facts.root, (from, to) => bytes.subarray(from, to))]
      .map((piece) => (piece.joins ? piece.text : `--- ${piece.text}`))
      .join('\n');
    const { subject, from, displayFrom } = facts.sortKeys;
    await expect(
      `${headerText(bytes)}\n${JSON.stringify({ preview: facts.preview, subject, from, displayFrom }, null, 1)}\n${text}\n`,
    ).toMatchFileSnapshot(at('text'));
  });

  it('agree with mailparser on what is well formed', async () => {
    for (const name of ['japanese.eml', 'nested.eml', 'attachments.eml']) {
      const bytes = read(name);
      const { root, sortKeys } = messageFacts(bytes);
      const parsed = await simpleParser(bytes);
      const attached = leaves(root).filter((part) => part.disposition?.type === 'attachment' && part.message === undefined);
      const theirs = parsed.attachments.filter(
        ({ contentType, contentDisposition }) => contentDisposition === 'attachment' && contentType !== 'message/rfc822',
      );
      expect(attached.map((part) => decodeTransfer(bytes.subarray(part.start, part.end), part.encoding))).toEqual(
        theirs.map(({ content }) => content),
      );
      expect(attached.map((part) => `${part.type}/${part.subtype}`)).toEqual(theirs.map(({ contentType }) => contentType));
      expect(sortKeys.sent).toBe(parsed.date?.getTime() ?? null);
      expect(sortKeys.messageId).toBe(parsed.messageId?.slice(1, -1) ?? null);
    }
  });
});
