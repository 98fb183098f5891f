import { expect, it } from 'vitest';
import { matrix } from './parameters.ts';
import { smuggling } from './smuggling.ts';

it('takes one message or none, whatever stands for its end', async () => {
  expect(await smuggling(0.02)).toMatch(/smuggled 0, bareOut 0$/);
});

it('refuses octets that have no business in a parameter', async () => {
  expect(await matrix(1)).toMatch(/taken 0, brokenReplies 0$/);
});
