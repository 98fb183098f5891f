import { Fault } from '../../mail/fault.ts';
import { bodyWire } from '../../mail/mime/wire.ts';
import type { AccountStore, Mailbox } from '../../store/store.ts';
import { command } from '../command.ts';
import { CodedFault } from '../faults.ts';
import { type AuthUrl, authUrl } from '../grammar/auth-url.ts';
import type { Cursor } from '../grammar/cursor.ts';
import { astring, string } from '../grammar/format.ts';
import { mailbox } from '../grammar/mailbox.ts';
import type { Session } from '../session.ts';
import { forgetUrlKey, isUrlToken, newUrlKey, urlKey, urlToken } from '../url-key.ts';
import { urlTarget } from '../url-text.ts';

const mostUrls = 100;
const params = ['BODYPARTSTRUCTURE', 'BINARY', 'BODY'] as const;
type Param = (typeof params)[number];

interface Wanted {
  readonly url: string;
  /** null: the simple form. RFC 5524 3.1 */
  readonly params: readonly Param[] | null;
}

/** The mailbox a URL leads to, in its owner's account. */
function mailboxOf(session: Session, mail: AccountStore, { target }: AuthUrl): Mailbox | null {
  const found = mail.find(session.fromWire(target.mailbox));
  const fits = found?.selectable === true && (target.uidValidity === null || target.uidValidity === found.uidValidity);
  return fits ? found : null;
}

/** Makes URLs with which others may fetch one message or part. RFC 4467 6 */
export const genUrlAuth = command({
  name: 'GENURLAUTH',
  capabilities: ['URLAUTH', 'URLAUTH=BINARY'],
  states: ['authenticated', 'selected'],

  parse(line) {
    const rumps: string[] = [];
    do {
      line.space();
      rumps.push(line.astring());
      line.space();
      if (!line.acceptWord('INTERNAL')) line.fail('mechanism INTERNAL');
      if (rumps.length > mostUrls) throw new Fault('tooMany', 'URLs');
    } while (!line.atEnd);
    return rumps;
  },

  async run(rumps, session) {
    const { own, user } = session.mail!;
    const urls: string[] = [];
    for (const rump of rumps) {
      const bad = new CodedFault('unsupported', `BADURL ${string(rump.replace(/[^\x20-\x7e]/g, '?').slice(0, 1000))}`, 'URL');
      const url = parsed(rump);
      const found = url === null || url.proof !== null || url.owner !== user ? null : mailboxOf(session, own, url);
      if (url === null || found === null) throw bad;
      const key = urlKey(own, found.id) ?? (await newUrlKey(own, found.id));
      urls.push(astring(`${rump}:internal:${urlToken(key, url.rump)}`));
    }
    session.out.untagged(`GENURLAUTH ${urls.join(' ')}`);
    return 'Genurlauth completed.';
  },
});

function parsed(url: string): AuthUrl | null {
  try {
    return authUrl(url);
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
}

/** Makes URLs void: those of one mailbox, or all. RFC 4467 5 */
export const resetKey = command({
  name: 'RESETKEY',
  states: ['authenticated', 'selected'],

  parse(line) {
    if (line.atEnd) return null;
    line.space();
    const name = mailbox(line);
    while (line.accept(' ')) if (!line.acceptWord('INTERNAL')) line.fail('mechanism INTERNAL');
    line.end();
    return name;
  },

  async run(name, session) {
    const { own } = session.mail!;
    if (name === null) {
      for (const one of own.list()) if (one.selectable) await forgetUrlKey(own, one.id);
      return 'All keys removed.';
    }
    const found = session.mail!.find(session.fromWire(name));
    if (found === null || !found.selectable) throw new Fault('noSuchMailbox', name);
    // The key is the owner's.
    if (session.mail!.isShared(found.id)) throw new Fault('noPermission');
    await forgetUrlKey(own, found.id);
    return '[URLMECH INTERNAL] Key removed.';
  },
});

/** What such URLs name; NIL for what is no good, whatever the reason. RFC 4467 7, RFC 5524 */
export const urlFetch = command({
  name: 'URLFETCH',
  states: ['authenticated', 'selected'],

  parse(line) {
    const wanted: Wanted[] = [];
    do {
      line.space();
      wanted.push(line.next === '(' ? extended(line) : { url: line.astring(), params: null });
      if (wanted.length > mostUrls) throw new Fault('tooMany', 'URLs');
    } while (!line.atEnd);
    return wanted;
  },

  async run(wanted, session) {
    const { out } = session;
    session.inResponse = true;
    try {
      out.text('* URLFETCH');
      for (const one of wanted) {
        out.text(` ${astring(one.url)}`);
        const items = await answer(session, one);
        if (items === null) out.text(' NIL');
        for (const item of items ?? []) {
          out.text(item.text);
          if (item.octets !== null) out.bytes(item.octets);
          out.text(item.after);
        }
        await out.drained();
      }
      out.text('\r\n');
    } finally {
      session.inResponse = false;
    }
    return 'Urlfetch completed.';
  },
});

/** "(" url-full *(SP url-fetch-param) ")". RFC 5524 5 */
function extended(line: Cursor): Wanted {
  line.expect('(');
  const url = line.astring();
  const asked: Param[] = [];
  while (line.accept(' ')) {
    const param = params.find((name) => line.acceptWord(name)) ?? line.fail('URLFETCH parameter');
    if (asked.includes(param)) throw new Fault('syntax', `${param} twice`);
    asked.push(param);
  }
  line.expect(')');
  if (asked.includes('BINARY') && asked.includes('BODY')) throw new Fault('syntax', 'BINARY or BODY');
  return { url, params: asked };
}

interface Item {
  readonly text: string;
  readonly octets: Buffer | null;
  readonly after: string;
}

async function answer(session: Session, { url, params: asked }: Wanted): Promise<Item[] | null> {
  const given = parsed(url);
  if (given === null || !mayUse(session, given)) return null;
  const mail = await openOwner(session, given.owner);
  if (mail === null) return null;
  try {
    const found = mailboxOf(session, mail, given);
    const key = found === null ? null : urlKey(mail, found.id);
    if (found === null || key === null || !isUrlToken(key, given.rump, given.proof!.token)) return null;
    const target = urlTarget(mail, found, given.target);
    if (asked === null) {
      const octets = await target.body();
      return [{ text: ` {${octets.length}}\r\n`, octets, after: '' }];
    }
    const items: Item[] = [];
    const binary = asked.includes('BINARY') ? await target.binary() : null;
    for (const param of params.filter((name) => asked.includes(name))) {
      if (param === 'BODYPARTSTRUCTURE') {
        // It describes what BINARY gives, where that is given. RFC 5524 3.2
        const part = binary === null ? target.part : binary.part;
        items.push({ text: ` (${param} ${part === null ? 'NIL' : bodyWire(part, true)}`, octets: null, after: ')' });
      } else {
        const octets = param === 'BODY' ? await target.body() : (binary?.octets ?? null);
        const tilde = octets?.includes(0) ? '~' : '';
        const head = octets === null ? 'NIL' : `${tilde}{${octets.length}}\r\n`;
        items.push({ text: ` (${param} ${head}`, octets, after: ')' });
      }
    }
    return items;
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  } finally {
    mail.release();
  }
}

/** Who may use the URL, and until when; the token is looked at later. `submit+` is for submission servers, which do not come this way. */
function mayUse({ deps, mail }: Session, { access, expires, proof }: AuthUrl): boolean {
  if (proof?.mechanism !== 'INTERNAL' || (expires !== null && expires <= deps.clock.now())) return false;
  return access === 'anonymous' || access === 'authuser' || access === `user+${mail!.user}`;
}

/** The account the URL leads into; to be released. */
async function openOwner({ deps, mail }: Session, owner: string): Promise<AccountStore | null> {
  const account = owner === mail!.user ? mail!.account : await deps.directory?.account(owner);
  if (account == null || ('enabled' in account && account.enabled === false)) return null;
  const { id, address, home, quota } = account;
  return deps.store.open({ id, address, home, quota });
}
