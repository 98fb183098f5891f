import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { DotGate } from './dot-gate.ts';

it('lets one message at a time end, in order', async () => {
  const gate = new DotGate();
  const order: string[] = [];
  const first = await gate.enter('peer');
  const second = gate.enter('peer').then((done) => {
    order.push('second');
    done();
  });
  const third = gate.enter('other').then((done) => {
    order.push('third');
    done();
  });
  expect(order).toEqual([]);
  first();
  await Promise.all([second, third]);
  expect(order).toEqual(['second', 'third']);
  (await gate.enter('peer'))();
});

it('does not wait long for a peer, nor again for one that is slow', async () => {
  const gate = new DotGate();
  for (let i = 0; i < 5; i++) {
    const slow = await gate.enter('slow');
    const other = await gate.enter('other');
    other();
    await sleep(12);
    slow();
  }
  const [one, two] = [await gate.enter('slow'), await gate.enter('slow')];
  const quick = await gate.enter('quick');
  one();
  two();
  quick();
  quick();
  (await gate.enter('quick'))();
});
