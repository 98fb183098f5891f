const inbox = ['I', 'N', 'B', 'O', 'X'];

/**
 * Whether a name matches a LIST pattern: `*` is anything, `%` anything within a level. Levels are separated by `/`; INBOX
 * matches in any letter case. Cost is pattern times name, whatever the pattern. RFC 9051 6.3.9
 */
export function mailboxPattern(pattern: string): (name: string) => boolean {
  // Several wildcards in a row are as good as the widest of them.
  const short = Array.from(pattern.replace(/[*%]+/g, (run) => (run.includes('*') ? '*' : '%')));
  const folded = short.map((c) => c.toUpperCase());

  // Of a plain name most are told by a look.
  const plain = /[*%]/.test(pattern) ? null : pattern;
  const below = /^inbox\/$/i.test(short.slice(0, 6).join('')) ? [...inbox, ...short.slice(5)] : null;
  return (name) => {
    if (name === 'INBOX') return matches(folded, name);
    if (plain !== null && below === null) return name === plain;
    return matches(below ?? short, name);
  };
}

function matches(pattern: readonly string[], name: string): boolean {
  let states = new Uint8Array(pattern.length + 1);
  reach(states, pattern, 0);
  for (const c of name) {
    const next = new Uint8Array(pattern.length + 1);
    let alive = false;
    for (let p = 0; p < pattern.length; p++) {
      if (states[p] === 0) continue;
      const wanted = pattern[p];
      if (wanted === '*' || (wanted === '%' && c !== '/')) reach(next, pattern, p);
      else if (wanted === c) reach(next, pattern, p + 1);
      else continue;
      alive = true;
    }
    if (!alive) return false;
    states = next;
  }
  return states[pattern.length] === 1;
}

/** Marks `p` and, past wildcards that may stand for nothing, what follows. */
function reach(states: Uint8Array, pattern: readonly string[], p: number): void {
  for (let at = p; at <= pattern.length; at++) {
    states[at] = 1;
    if (pattern[at] !== '*' && pattern[at] !== '%') break;
  }
}
