import type { Part } from '../../mail/mime/part.ts';
import { isOwn, placeOf } from '../files/name.ts';
import { openFile, readStart } from '../message-file.ts';
import { answers, type TextQuestion } from '../search/text-question.ts';
import type { MessageFile } from '../store.ts';
import type { MailboxRecord } from '../tables/mailbox.ts';
import type { MessageRecord } from '../tables/message.ts';
import type { AccountWriter } from './account-writer.ts';
import { factsOfFile } from './content.ts';
import { locate } from './settle.ts';

/** Milliseconds spent at a stretch, while others wait. */
const stretch = 20;
/** Octets of a file in which the header mostly ends. */
const start = 16_384;

export interface LookRequest {
  readonly mailbox: number;
  readonly uids: Uint32Array;
  readonly question: TextQuestion;
}

export interface Looked {
  readonly matched: Uint32Array;
  /** How many of the UIDs were looked at. */
  readonly done: number;
}

/** Rows asked for at a time. */
const rowStep = 50;

/** Looks for a text in messages whose words are not in the index yet, until its time is up. At least one is looked at. */
export function lookThrough(writer: AccountWriter, { mailbox: id, uids, question }: LookRequest): Looked {
  const mailbox = writer.mailbox(id);
  const matched: number[] = [];
  const began = performance.now();
  let done = 0;
  let rows = new Map<number, MessageRecord>();
  while (done < uids.length && (done === 0 || performance.now() - began < stretch)) {
    if (done % rowStep === 0) rows = writer.messages.among(id, JSON.stringify(Array.from(uids.subarray(done, done + rowStep))));
    const uid = uids[done++]!;
    const row = rows.get(uid);
    if (row !== undefined && lookAt(writer, mailbox, row, question)) matched.push(uid);
  }
  return { matched: Uint32Array.from(matched), done };
}

function lookAt(writer: AccountWriter, mailbox: MailboxRecord, row: MessageRecord, question: TextQuestion): boolean {
  if (!isOwn(mailbox, row)) return false;
  const stored = row.contentId === null ? null : writer.contents.header(row.contentId);
  if (question.kind === 'header') {
    const text = stored?.toString('latin1') ?? headerIn(readStart(writer.pathOf(mailbox, row), start));
    if (text !== null) return answers(question, text, null, noOctets);
  }
  const found = fileOf(writer, mailbox, row);
  if (found === null) return false;
  const { file, path } = found;
  try {
    const read = (from: number, to: number): Buffer => file.readSync(from, to - from);
    let header = stored?.toString('latin1') ?? null;
    const root = structureOf(writer, row) ?? factsOfFile(path)?.facts.root ?? null;
    if (root === null) return false;
    header ??= read(0, root.start).toString('latin1');
    return answers(question, header, root, read);
  } finally {
    file.close();
  }
}

function structureOf(writer: AccountWriter, { contentId }: MessageRecord): Part | null {
  const json = contentId === null ? undefined : writer.contents.reader(['structure'])(contentId)?.structure;
  return json === undefined ? null : (JSON.parse(json) as Part);
}

/** A whole header, with the empty line, of the start of a message; null where its end is further down, or nothing could be read. */
function headerIn(text: string): string | null {
  const end = /\r?\n\r?\n/.exec(text);
  return end === null ? null : text.slice(0, end.index + end[0].length);
}

function fileOf(writer: AccountWriter, mailbox: MailboxRecord, row: MessageRecord): { file: MessageFile; path: string } | null {
  for (const path of [writer.pathOf(mailbox, row), writer.path(mailbox, placeOf(row.file, row.flags))]) {
    const file = openFile(path);
    if (file !== null) return { file, path };
  }
  // Another process renames, or another program has.
  const place = locate(writer, mailbox, row.uid);
  const path = place === null ? '' : writer.path(mailbox, place);
  const file = place === null ? null : openFile(path);
  return file === null ? null : { file, path };
}

const noOctets = (): Buffer => Buffer.alloc(0);
