import { describe, expect, it } from 'vitest';
import { allRights, rightsOf } from './rights.ts';

const owner = 'ann@example.com';
const rights = (user: string, ...entries: [string, string][]): string => rightsOf(new Map(entries), owner, user);

describe('rights', () => {
  it('are all for the owner, whatever the list says', () => {
    expect(rights(owner, [`-${owner}`, 'lr'], ['-anyone', allRights])).toBe(allRights);
  });

  it('of anyone are for the same domain only', () => {
    expect(rights('bob@example.com', ['anyone', 'lr'])).toBe('lr');
    expect(rights('bob@other.example', ['anyone', 'lr'])).toBe('');
  });

  it('that are taken away are gone, however they were given', () => {
    expect(rights('bob@example.com', ['anyone', 'lrs'], ['bob@example.com', 'w'], ['-bob@example.com', 'rw'])).toBe('ls');
    expect(rights('bob@example.com', ['bob@example.com', 'lr'], ['-anyone', 'r'])).toBe('l');
  });

  it('taken from someone are not given to who is called like the entry', () => {
    expect(rights('-bob@example.com', ['-bob@example.com', 'lrw'])).toBe('');
    expect(rights('-bob@example.com', ['-bob@example.com', 'lrw'], ['anyone', 'l'])).toBe('l');
    expect(rights('-anyone', ['-anyone', allRights])).toBe('');
  });
});
