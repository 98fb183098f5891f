import { Fault } from '../../mail/fault.ts';
import type { Uid } from '../../mail/numbers.ts';
import { type Command, command } from '../command.ts';
import { type AppendMessage, appendMessage } from '../grammar/append.ts';
import { Cursor } from '../grammar/cursor.ts';
import { mailbox } from '../grammar/mailbox.ts';
import type { LiteralPolicy } from '../reader.ts';
import { appendLiterals, checkTarget, newMessages, requireTarget } from './append.ts';

interface ReplaceArguments {
  readonly number: number | '*';
  readonly name: string;
  readonly message: AppendMessage;
}

function replaceCommand(byUid: boolean): Command<ReplaceArguments> {
  return command({
    name: byUid ? 'UID REPLACE' : 'REPLACE',
    capabilities: ['REPLACE'],
    states: ['selected'],

    parse(line) {
      line.space();
      const number = line.accept('*') ? '*' : line.nzNumber();
      line.space();
      const name = mailbox(line);
      const message = appendMessage(line);
      line.end();
      return { number, name, message };
    },

    async run({ number, name, message }, session) {
      const { mail, view } = session.selected;
      if (view.readOnly) throw new Fault('noPermission', 'Mailbox is read-only');
      // The old one must be ours to take away before the new one is stored. RFC 8508 3.6
      const rights = mail.rights(view.mailbox.id);
      if (!rights.includes('t') || !rights.includes('e')) throw new Fault('noPermission');
      const [at] = Array.from(view.places([{ from: number, to: number }], byUid));
      if (at === undefined) throw new Fault('expunged', 'no such message');
      const uid = view.uids[at]! as Uid;
      const target = session.fromWire(name);
      requireTarget(session, target);
      const [stored] = await mail.append(target, await newMessages(session, [message]), { replaces: { id: view.mailbox.id, uid } });
      // Before the EXPUNGE. RFC 8508 3.3
      session.out.untagged(`OK [APPENDUID ${stored!.mailbox.uidValidity} ${stored!.uid}] Replacement message ready.`);
      return 'Replace completed.';
    },
  });
}

/** Puts a message in the place of another: the new one is there before the old one goes. RFC 8508 */
export const replace = replaceCommand(false);
export const uidReplace = replaceCommand(true);

/** As for APPEND, behind a message number. */
export const replaceLiterals: LiteralPolicy = {
  ...appendLiterals,

  accepts(before, at) {
    return !/^ \S+ $/.test(before.slice(at)) && appendLiterals.accepts(before, at);
  },

  async check(session, before, at, size, soFar) {
    const line = new Cursor(before, { utf8: session.utf8 });
    line.at = at;
    line.take('message number', / (?:\d+|\*) /y);
    await checkTarget(session, mailbox(line), size, soFar);
  },
};
