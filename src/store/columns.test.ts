import fc from 'fast-check';
import { expect, it } from 'vitest';
import { closeGaps } from './columns.ts';

it('closes gaps between few and many elements', () => {
  const sizes = fc.oneof(fc.nat(40), fc.nat(400));
  fc.assert(
    fc.property(
      sizes,
      fc.nat(5),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
      (count, room, share, dice) => {
        const numbers = Uint32Array.from({ length: count + room }, (_, i) => i * 3);
        const doubles = Float64Array.from(numbers, (n) => n / 2);
        const isGone = Array.from({ length: count }, () => dice.next().value! < share);
        const places = isGone.flatMap((gone, at) => (gone ? [at] : []));
        const left = [...numbers.subarray(0, count)].filter((_, at) => !isGone[at]);
        closeGaps([numbers, doubles], count, places);
        expect([...numbers.subarray(0, left.length)]).toEqual(left);
        expect([...doubles.subarray(0, left.length)]).toEqual(left.map((n) => n / 2));
      },
    ),
  );
});
