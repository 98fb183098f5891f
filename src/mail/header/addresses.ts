import { broken, ended, HeaderCursor, more, type Outcome } from './cursor.ts';

/**
 * One entry of an address list as ENVELOPE has it, raw latin1. A group is an entry with only `mailbox` (its name), its
 * members, and an entry with nothing. RFC 9051 7.5.2
 */
export interface AddressEntry {
  readonly name: string | null;
  readonly route: string | null;
  readonly mailbox: string | null;
  readonly domain: string | null;
}

const groupEnd: AddressEntry = { name: null, route: null, mailbox: null, domain: null };

/** More addresses than this in a field are left out. */
const maxAddresses = 20_000;

/**
 * Addresses of a From, To, … field. Broken ones are kept as well as can be, in the way Dovecot answers them:
 * `MISSING_MAILBOX`, `MISSING_DOMAIN` and `SYNTAX_ERROR` stand where a part is not there. RFC 5322 3.4, 4.4
 */
export function addressList(text: string, limit = maxAddresses): AddressEntry[] {
  const reader = new AddressReader(text, limit);
  reader.list();
  return reader.entries;
}

class AddressReader {
  readonly entries: AddressEntry[] = [];
  readonly #in: HeaderCursor;
  readonly #limit: number;
  #name: string | null = null;
  #route: string | null = null;
  #mailbox: string | null = null;
  #domain: string | null = null;

  constructor(text: string, limit: number) {
    this.#in = new HeaderCursor(text);
    this.#limit = limit;
  }

  /** address-list = (address *("," address)) / obs-addr-list */
  list(): void {
    const input = this.#in;
    if (input.skip() !== more) return;
    while (this.entries.length < this.#limit) {
      if (this.#address() === ended || !input.is(',')) return;
      input.at++;
      const outcome = input.skip();
      if (outcome === more) continue;
      if (outcome === broken) this.#addMailbox();
      return;
    }
  }

  #address(): Outcome {
    const start = this.#in.at;
    const outcome = this.#group();
    if (outcome !== broken) return outcome;
    this.#in.at = start;
    return this.#mailboxOf();
  }

  /** group = display-name ":" [group-list] ";" [CFWS] */
  #group(): Outcome {
    const input = this.#in;
    input.out = '';
    if (input.phrase() !== more || !input.is(':')) return broken;
    this.entries.push({ ...groupEnd, mailbox: input.take() });
    input.at++;
    let outcome = input.skip();
    if (outcome === more && !input.is(';')) {
      while (this.entries.length < this.#limit) {
        outcome = this.#mailboxOf();
        if (input.rest === ended || !input.is(',')) break;
        input.at++;
        outcome = input.skip();
        if (outcome !== more || input.is(';')) break;
      }
    }
    if (input.is(';')) {
      input.at++;
      outcome = input.skip();
    }
    this.entries.push(groupEnd);
    return outcome === ended || input.rest === ended ? ended : more;
  }

  /** mailbox = name-addr / addr-spec */
  #mailboxOf(): Outcome {
    const input = this.#in;
    const start = input.at;
    let outcome = this.#nameAddr();
    if (outcome === broken) {
      input.at = start;
      outcome = this.#addrSpec();
      if (this.#domain === null) {
        if (outcome === more && this.#mailbox?.endsWith('.') === true) this.#mailbox = null;
        else if (this.#name === null && !input.text.slice(start, input.at).includes('@')) outcome = this.#nameAlone(start, outcome);
      }
    }
    this.#addMailbox();
    return outcome;
  }

  #addMailbox(): void {
    this.entries.push({
      name: this.#name,
      route: this.#route,
      mailbox: this.#mailbox ?? 'MISSING_MAILBOX',
      domain: this.#domain ?? 'MISSING_DOMAIN',
    });
    this.#name = this.#route = this.#mailbox = this.#domain = null;
  }

  #nameAddr(): Outcome {
    const input = this.#in;
    input.out = '';
    if (input.phrase() !== more || !input.is('<')) return broken;
    this.#name = input.take() || null;
    if (this.#angleAddr() === broken) this.#domain = 'SYNTAX_ERROR';
    return input.rest;
  }

  /** angle-addr = "<" [obs-route] addr-spec ">"; the place is at the "<". */
  #angleAddr(): Outcome {
    const input = this.#in;
    input.at++;
    if (input.skip() !== more) return broken;
    if (input.is('@')) {
      if (this.#routeOf() !== more || !input.is(':')) {
        this.#route = 'INVALID_ROUTE';
        return broken;
      }
      input.at++;
      if (input.skip() !== more) return broken;
    }
    if (!input.is('>')) {
      if (this.#localPart() !== more) return broken;
      if (input.is('@') && this.#domainOf() !== more) return broken;
    }
    if (!input.is('>')) return broken;
    input.at++;
    return input.skip();
  }

  /** obs-domain-list = "@" domain *("," "@" domain). RFC 5322 4.4 */
  #routeOf(): Outcome {
    const input = this.#in;
    input.out = '';
    while (input.is('@')) {
      input.out += input.out === '' ? '@' : ',@';
      const outcome = input.domain();
      if (outcome !== more) return outcome;
      while (input.is(',')) {
        input.at++;
        if (input.skip() !== more) return broken;
      }
    }
    this.#route = input.take();
    return input.rest;
  }

  /** Words where an address should be, `John Smith`: they are the name of someone without address. */
  #nameAlone(start: number, outcome: Outcome): Outcome {
    const input = this.#in;
    const end = input.at;
    const quoted = input.text.charAt(start) === '"';
    input.at = start;
    input.out = '';
    const ending = input.phrase();
    const phrase = input.take();
    if (ending === broken || phrase === '' || !(quoted || phrase.includes(' '))) {
      input.at = end;
      return outcome;
    }
    this.#name = phrase;
    this.#mailbox = null;
    return ending;
  }

  #addrSpec(): Outcome {
    const input = this.#in;
    input.comment = '';
    let outcome = this.#localPart();
    if (outcome !== ended && input.is('@')) {
      const next = this.#domainOf();
      if (next !== more) outcome = next;
    }
    // `user@domain (Name)` of RFC 822.
    if (input.comment !== '') this.#name = input.comment;
    return outcome;
  }

  /** local-part = dot-atom / quoted-string / obs-local-part */
  #localPart(): Outcome {
    const input = this.#in;
    input.out = '';
    const outcome = input.is('"') ? input.quotedString() : input.is('.') ? input.atomOrDot() : input.dotAtom();
    const read = input.take();
    if (outcome !== broken) this.#mailbox = read;
    return outcome;
  }

  #domainOf(): Outcome {
    const input = this.#in;
    input.out = '';
    const outcome = input.domain();
    const read = input.take();
    if (outcome === broken || /^\.|\.\.|\.$/.test(read)) return broken;
    this.#domain = read;
    return outcome;
  }
}
