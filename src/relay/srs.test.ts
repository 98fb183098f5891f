import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Srs, srsForward, srsReverse } from './srs.ts';

let now = 1_800_000_000_000;
const srs: Srs = { secret: 'secret', now: () => now };
const ann = { localPart: 'ann', domain: 'example.org' };

describe('SRS', () => {
  it('comes back, whatever happens to its case', () => {
    const out = srsForward(ann, 'here.test', srs)!;
    expect(out.localPart).toMatch(/^SRS0=[A-Z2-7]{6}=[A-Z2-7]{2}=example\.org=ann$/);
    expect(srsReverse(out.localPart, srs)).toEqual(ann);
    expect(srsReverse(out.localPart.toLowerCase(), srs)).toEqual(ann);
  });

  it('shortens chains of forwarders', () => {
    const other: Srs = { secret: 'other', now: () => now };
    const first = srsForward(ann, 'first.test', other)!;
    const second = srsForward(first, 'here.test', srs)!;
    expect(second.localPart).toMatch(/^SRS1=[A-Z2-7]{6}=first\.test==/);
    expect(srsReverse(second.localPart, srs)).toEqual(first);
    const third = srsForward(second, 'third.test', other)!;
    expect(srsReverse(third.localPart, other)).toEqual(first);
  });

  it('is good for three weeks and for nobody else', () => {
    const { localPart } = srsForward(ann, 'here.test', srs)!;
    expect(srsReverse(localPart.replace('=ann', '=bob'), srs)).toBeNull();
    expect(srsReverse(localPart, { ...srs, secret: 'x' })).toBeNull();
    expect(srsReverse('SRS0=AAAAAA=AA=example.org=x', srs)).toBeNull();
    now += 22 * 86_400_000;
    expect(srsReverse(localPart, srs)).toBeNull();
    now -= 22 * 86_400_000;
    expect(srsForward({ localPart: 'x'.repeat(60), domain: 'example.org' }, 'here.test', srs)).toBeNull();
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        srsReverse(`SRS0=${text}`, srs);
        srsReverse(`SRS1=${text}`, srs);
        srsForward({ localPart: `SRS1=${text}`, domain: 'x' }, 'here.test', srs);
      }),
    );
  });
});
