// What of a shared mailbox a user may not do is refused, and where they may not even know of it, in the words for one that is not there.
import { allRights } from '../../src/mail/rights.ts';
import { ImapClient } from '../support/imap.ts';
import { faultServer } from './fault-server.ts';
import { Failed, type FaultTest, figures } from './fault-test.ts';

const box = 'Shared/bob@example.com/Box';
const none = 'Shared/bob@example.com/Nil';

interface Row {
  readonly command: string;
  /** With all of these it is done, without any one of them it is not. RFC 4314 4 */
  readonly needs: string;
  /** Granted as well: one of several would do. */
  readonly besides?: string;
  /** Rights besides `l` by which it may be known. */
  readonly knows?: string;
  /** Done before and after, as the user (`#` is the mailbox). */
  readonly before?: readonly string[];
  /** What shows that it was done. */
  readonly done?: RegExp;
  /** Undone by the owner. */
  readonly undo?: readonly string[];
  /** Only its own mailbox is named: there is no asking for one that is not there. */
  readonly selected?: boolean;
}

const rows: readonly Row[] = [
  { command: 'SELECT #', needs: 'r', done: /EXISTS/ },
  { command: 'EXAMINE #', needs: 'r', done: /EXISTS/ },
  { command: 'STATUS # (MESSAGES UIDNEXT)', needs: 'r', done: /MESSAGES/ },
  { command: 'LIST "" #', needs: 'l', done: /LIST .*Box/ },
  { command: 'LIST "" # RETURN (STATUS (MESSAGES))', needs: 'lr', done: /STATUS .*MESSAGES/ },
  { command: 'LIST "" "Shared/*"', needs: 'l', done: /LIST .*Box/, selected: true },
  { command: 'LSUB "" "Shared/*"', needs: '', selected: true },
  {
    command: 'APPEND # {9}\r\nA: b\r\n\r\nc',
    needs: 'i',
    undo: ['SELECT Box', 'STORE 3:* +FLAGS (\\Deleted)', 'EXPUNGE', 'UNSELECT'],
  },
  {
    command: 'COPY 1 #',
    needs: 'i',
    before: ['SELECT INBOX'],
    undo: ['SELECT Box', 'STORE 3:* +FLAGS (\\Deleted)', 'EXPUNGE', 'UNSELECT'],
  },
  { command: 'CREATE #/sub', needs: 'k', undo: ['DELETE Box/sub'] },
  { command: 'DELETE #', needs: 'x', undo: ['CREATE Box', 'SELECT Kept', 'COPY 1:* Box', 'UNSELECT'] },
  { command: 'RENAME # Shared/bob@example.com/Par/New', needs: 'x', undo: ['RENAME Par/New Box'] },
  { command: 'GETACL #', needs: 'a', done: /ACL .*bob/ },
  { command: 'SETACL # bob2@example.com lr', needs: 'a', undo: ['DELETEACL Box bob2@example.com'] },
  { command: 'DELETEACL # bob2@example.com', needs: 'a' },
  { command: 'LISTRIGHTS # ann@example.com', needs: 'a', done: /LISTRIGHTS/ },
  { command: 'GETMETADATA # /shared/comment', needs: 'l', besides: 'r', done: /METADATA/ },
  { command: 'SETMETADATA # (/shared/comment "x")', needs: 'lw', besides: 'r' },
  { command: 'SETMETADATA # (/private/comment "x")', needs: 'l', besides: 'r' },
  { command: 'GETQUOTAROOT #', needs: '', knows: 'r', done: /QUOTAROOT/ },
  {
    command: 'STORE 1 +FLAGS (\\Seen)',
    needs: 'rs',
    before: ['SELECT #'],
    done: /FETCH/,
    selected: true,
    undo: ['SELECT Box', 'STORE 1 FLAGS ()', 'UNSELECT'],
  },
  {
    command: 'STORE 1 +FLAGS (\\Deleted)',
    needs: 'rt',
    before: ['SELECT #'],
    done: /FETCH/,
    selected: true,
    undo: ['SELECT Box', 'STORE 1 FLAGS ()', 'UNSELECT'],
  },
  {
    command: 'STORE 1 +FLAGS (\\Flagged x)',
    needs: 'rw',
    before: ['SELECT #'],
    done: /FETCH/,
    selected: true,
    undo: ['SELECT Box', 'STORE 1 FLAGS ()', 'UNSELECT'],
  },
  { command: 'EXPUNGE', needs: 're', before: ['SELECT #'], selected: true },
  {
    command: 'MOVE 1 INBOX',
    needs: 'rte',
    before: ['SELECT #'],
    selected: true,
    undo: ['DELETE Box', 'CREATE Box', 'SELECT Kept', 'COPY 1:* Box', 'UNSELECT'],
  },
  { command: 'COPY 1 INBOX', needs: 'r', before: ['SELECT #'], selected: true },
  { command: 'UID EXPUNGE 1:*', needs: 're', before: ['SELECT #'], selected: true },
  { command: 'FETCH 1 (FLAGS BODY.PEEK[])', needs: 'r', before: ['SELECT #'], done: /BODY\[\]/, selected: true },
  { command: 'SEARCH ALL', needs: 'r', before: ['SELECT #'], done: /SEARCH 1/, selected: true },
];

async function sharedRights(): Promise<string> {
  const server = await faultServer({ accounts: ['ann@example.com', 'bob@example.com', 'bob2@example.com'], workers: 1 });
  const wrong: string[] = [];
  let [checks, told, allowed] = [0, 0, 0];
  const login = async (name: string): Promise<ImapClient> => {
    const client = await ImapClient.connect(server.ports.IMAP);
    await client.line();
    await client.ok(`LOGIN ${name} secret`);
    return client;
  };
  try {
    const bob = await login('bob@example.com');
    for (const name of ['Box', 'Kept', 'Par']) await bob.ok(`CREATE ${name}`);
    for (const name of ['Box', 'Kept']) for (const text of ['one', 'two']) await bob.append(name, `Subject: ${text}\r\n\r\n${text}\r\n`);
    await bob.ok(`SETACL Par ann@example.com ${allRights}`);
    await bob.ok('SETMETADATA Box (/shared/comment "hidden")');
    const ann = await login('ann@example.com');
    await ann.append('INBOX', 'Subject: own\r\n\r\nown\r\n');

    const text = (lines: readonly string[], name: string): string =>
      lines
        .join('\n')
        .replaceAll(name, '#')
        .replace(/\d+ (?=EXISTS|RECENT)/g, '');
    /** @returns the answer, and whether it was done */
    const ask = async (row: Row, name: string): Promise<{ readonly done: boolean; readonly heard: string }> => {
      for (const command of row.before ?? []) {
        const heard = await ann.command(command.replaceAll('#', name));
        if (!heard.at(-1)!.startsWith('OK')) return { done: false, heard: text(heard, name) };
      }
      const lines = await ann.command(row.command.replaceAll('#', name));
      const ok = lines.at(-1)!.startsWith('OK');
      const selected = row.before !== undefined || (ok && /^(?:SELECT|EXAMINE)/.test(row.command));
      if (ann.socket.destroyed) throw new Failed(`${row.command}: connection closed`);
      if (selected) await ann.command('UNSELECT');
      return { done: ok && (row.done === undefined || row.done.test(lines.join('\n'))), heard: text(lines, name) };
    };
    const grant = async (rights: string): Promise<void> => {
      await bob.ok(`DELETEACL Box ann@example.com`);
      if (rights !== '') await bob.ok(`SETACL Box ann@example.com ${rights}`);
    };
    for (const row of rows) {
      const undo = async (): Promise<void> => {
        for (const command of row.undo ?? []) await bob.command(command);
        await bob.command('SETACL Par ann@example.com lrswipkxtea');
      };
      // With what it needs, it is done; without any one of those it is not, whatever else there is.
      await grant(`${row.needs}${row.needs.includes('l') ? '' : 'l'}${row.besides ?? ''}`);
      checks++;
      const may = await ask(row, box);
      if (!may.done) wrong.push(`${row.command} with ${row.needs}: ${may.heard}`);
      else allowed++;
      await undo();
      for (const missing of row.needs) {
        await grant(allRights.replace(missing, ''));
        checks++;
        const got = await ask(row, box);
        if (got.done) wrong.push(`${row.command} without ${missing}: ${got.heard}`);
        if (got.done) await undo();
      }
      if (row.selected === true && row.before === undefined) {
        await grant('');
        checks++;
        if ((await ask(row, box)).heard.includes('Box')) wrong.push(`${row.command} tells of a hidden mailbox`);
        continue;
      }
      // Without l, and without what it needs, a mailbox that is there is answered as one that is not.
      const others = row.needs.replace('l', '');
      for (const rights of new Set(['', 's', 'w', 'p', 'te', 'swpte', ...Array.from('rikxa').map((right) => `${right}`)])) {
        if (
          Array.from(others || 'l').every((right) => rights.includes(right)) ||
          Array.from(others).some((right) => rights.includes(right))
        )
          continue;
        if (row.knows !== undefined && rights.includes(row.knows)) continue;
        // A mailbox that may be read may be selected.
        if (row.before?.includes('SELECT #') === true && rights.includes('r')) continue;
        await grant(rights);
        checks++;
        const [there, notThere] = [await ask(row, box), await ask(row, none)];
        if (there.heard === notThere.heard) continue;
        told++;
        wrong.push(`${row.command} with "${rights}" tells: ${there.heard} | ${notThere.heard}`);
        if (there.done) await undo();
      }
    }
    bob.close();
    ann.close();
    if (wrong.length > 0) throw new Failed(`${wrong.length} of ${checks} wrong: ${wrong.slice(0, 12).join(' || ')}`);
    return figures({ commands: rows.length, checks, allowed, told, errors: server.errors().length }, ['told', 'errors']);
  } finally {
    await server.close();
  }
}

export const sharedRightsTests: readonly FaultTest[] = [{ name: 'shared-rights', run: sharedRights }];
