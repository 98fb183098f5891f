import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { DotGate } from './dot-gate.ts';

it('lets one message at a time end, in order', async () => {
  const gate = new DotGate();
  const order: string[] = [];
  const first = await gate.enter('peer', true);
  const second = gate.enter('peer', true).then((done) => {
    order.push('second');
    done();
  });
  const third = gate.enter('other', true).then((done) => {
    order.push('third');
    done();
  });
  expect(order).toEqual([]);
  first();
  await Promise.all([second, third]);
  expect(order).toEqual(['second', 'third']);
  (await gate.enter('peer', true))();
});

it('does not wait for a far peer before it has shown to be quick', async () => {
  const gate = new DotGate();
  const both = [await gate.enter('far', false), await gate.enter('far', false)];
  for (const done of both) done();
  for (let i = 0; i < 20; i++) (await gate.enter('far', false))();
  const order: string[] = [];
  const one = await gate.enter('far', false);
  const two = gate.enter('far', false).then((done) => {
    order.push('two');
    done();
  });
  order.push('one');
  one();
  await two;
  expect(order).toEqual(['one', 'two']);
});

it('does not wait long for a peer, nor again for one that is slow', async () => {
  const gate = new DotGate();
  for (let i = 0; i < 5; i++) {
    const slow = await gate.enter('slow', true);
    const other = await gate.enter('other', true);
    other();
    await sleep(12);
    slow();
  }
  const [one, two] = [await gate.enter('slow', true), await gate.enter('slow', true)];
  const quick = await gate.enter('quick', true);
  one();
  two();
  quick();
  quick();
  (await gate.enter('quick', true))();
});
