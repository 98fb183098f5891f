// Three parsers read the same messages: ours, mailparser, and Python's email package.
import { mutate } from '../fuzz/mutate.ts';
import { mailparsers, ours, type Python, python, type Reading, wellFormed } from '../fuzz/second-parser.ts';
import { Failed, type FaultTest, figures, Skip, seeded } from './fault-test.ts';

const compared = ['types', 'bodies', 'names', 'subject', 'from'] as const;
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

async function compare(messages: number): Promise<string> {
  let second: Python;
  try {
    second = await python();
  } catch {
    throw new Skip('wants python3');
  }
  const random = seeded(20_261_122);
  const count = { messages, parts: 0, disagree: 0, broken: 0, brokenAlike: 0 };
  const wrong: string[] = [];
  try {
    for (let i = 0; i < messages; i++) {
      const text = wellFormed(random);
      const octets = Buffer.from(random() < 0.5 ? text.replaceAll('\n', '\r\n') : text, 'latin1');
      const mine = ours(octets);
      count.parts += mine.types.length;
      const theirs: readonly (readonly [string, Partial<Reading> | null])[] = [
        ['Python', await second.read(octets)],
        ['mailparser', await mailparsers(octets)],
      ];
      for (const [name, other] of theirs) {
        for (const key of compared) {
          if (other !== null && (other[key] === undefined || same(other[key], mine[key]))) continue;
          count.disagree++;
          wrong.push(
            `${name} ${key}: ${JSON.stringify(mine[key])} is not ${JSON.stringify(other?.[key])} for ${JSON.stringify(text.slice(0, 300))}`,
          );
        }
      }
      // Broken on purpose: there is no right answer, but the parts should mostly be the same ones.
      const broken = Buffer.from(mutate(text, text, ['\n--b1\n', '--', '"', ';', '\n\n'], 20_000, random), 'latin1');
      const read = await second.read(broken);
      if (read === null) continue;
      count.broken++;
      if (same(read.types, ours(broken).types)) count.brokenAlike++;
    }
  } finally {
    second.close();
  }
  if (wrong.length > 0) throw new Failed(`${wrong.length} disagree: ${wrong.slice(0, 3).join(' | ')}`);
  return figures(count, ['disagree']);
}

export const secondParserTests: readonly FaultTest[] = [{ name: 'second-parser', run: ({ long }) => compare(long ? 20_000 : 500) }];
