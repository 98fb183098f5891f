import { describe, expect, it } from 'vitest';
import { Ledger, place } from './ledger.ts';

const account = 'k1@example.com';
const inbox = (uid: number) => place(account, 'INBOX', 7, uid);
const archive = (uid: number) => place(account, 'Archive', 8, uid);
const nothing = { lost: 0, returned: 0, duplicates: 0, flagsLost: 0, unacknowledged: 0 };

describe('a message that IMAP shows before the 250 has come', () => {
  it('is one message', () => {
    const ledger = new Ledger();
    const sending = ledger.sending(1);
    ledger.seen(1, inbox(5));
    ledger.delivered(sending, account);
    expect(ledger.check([{ at: inbox(5), number: 1, flags: '' }])).toEqual(nothing);
    expect(ledger.check([])).toEqual({ ...nothing, lost: 1 });
    expect(ledger.check([{ at: inbox(6), number: 1, flags: '' }])).toEqual({ ...nothing, lost: 1, duplicates: 1 });
  });

  it('may be copied and moved meanwhile', () => {
    const ledger = new Ledger();
    const sending = ledger.sending(1);
    ledger.seen(1, inbox(5));
    ledger.placed(1, archive(1), null, ledger.sending(1));
    ledger.leaving(inbox(5), false);
    ledger.left(inbox(5));
    ledger.placed(1, archive(2), null);
    ledger.delivered(sending, account);
    const found = [1, 2].map((uid) => ({ at: archive(uid), number: 1, flags: '' }));
    expect(ledger.check(found)).toEqual(nothing);
    expect(ledger.check([...found, { at: inbox(6), number: 1, flags: '' }])).toEqual({ ...nothing, duplicates: 1 });
    expect(ledger.check([...found, { at: inbox(5), number: 1, flags: '' }])).toEqual({ ...nothing, returned: 1, duplicates: 1 });
  });

  it('may be taken before it', () => {
    const ledger = new Ledger();
    const sending = ledger.sending(1);
    ledger.seen(1, inbox(5));
    ledger.leaving(inbox(5), true);
    ledger.left(inbox(5));
    ledger.delivered(sending, account);
    expect(ledger.check([])).toEqual(nothing);
  });

  it('is never one of two without a 250', () => {
    const ledger = new Ledger();
    ledger.sending(1);
    ledger.seen(1, inbox(5));
    const found = [5, 6].map((uid) => ({ at: inbox(uid), number: 1, flags: '' }));
    expect(ledger.check(found)).toEqual({ ...nothing, duplicates: 1 });
  });
});

it('counts what was in flight, and what was refused and came all the same', () => {
  const ledger = new Ledger();
  ledger.sending(1);
  ledger.refused(ledger.sending(2));
  ledger.delivered(ledger.sending(3), account);
  const found = [1, 2, 3].map((number) => ({ at: inbox(number), number, flags: '' }));
  expect(ledger.check(found)).toEqual({ ...nothing, unacknowledged: 1, duplicates: 1 });
});
