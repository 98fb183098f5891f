import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Failed, type FaultTest, figures } from './fault-test.ts';
import { relayKill } from './relay-kill.ts';

export const existingTests: readonly FaultTest[] = [
  {
    name: 'kill-relay',
    async run({ long }) {
      const [messages, kills] = long ? [2000, 50] : [300, 8];
      const result = await relayKill(messages, kills);
      return figures({ messages, ...result }, ['lost', 'damaged', 'left'], {
        duplicates: result.kills,
      });
    },
  },
  {
    name: 'login-timing',
    async run({ long }) {
      const program = fileURLToPath(new URL('auth-timing.ts', import.meta.url));
      const ran = spawnSync(process.execPath, [program, '--samples', long ? '2000' : '200'], { encoding: 'utf8' });
      const text = ran.stdout
        .trim()
        .replace(/^auth-timing: /, '')
        .replace(/: (passed|failed)$/, '');
      if (ran.status !== 0) throw new Failed(text || ran.stderr);
      return text;
    },
  },
];
