// Runs a queue against a sink until it is killed, or empty: `relay-kill-child.ts DIR PORT`.
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { createDns } from '../../src/net/dns-resolver.ts';
import { openQueue } from '../../src/queue/open.ts';
import { startRunner } from '../../src/queue/runner.ts';
import { defaultQueueSettings } from '../../src/queue/settings.ts';
import { defaultRelaySettings } from '../../src/relay/settings.ts';
import { relayTransport } from '../../src/relay/transport.ts';

const [dir = '', port = ''] = process.argv.slice(2);
const settings = { ...defaultRelaySettings, hostname: 'here.test', transport: { '*': `[127.0.0.1]:${port}` } };
const relay = relayTransport(settings, { clock: systemClock, log: silentLog, dns: createDns(), sts: null });
const queue = openQueue({ ...defaultQueueSettings, dir }, { clock: systemClock, log: silentLog });
let started = false;
const runner = startRunner(queue, {
  clock: systemClock,
  log: silentLog,
  transports: { local: relay, relay },
  notice: async () => null,
  onOutcome() {
    if (!started) process.stdout.write('started\n');
    started = true;
  },
});
for (;;) {
  await new Promise((resolve) => setTimeout(resolve, 50));
  await runner.sweep();
  if ((await queue.stats()).messages === 0) break;
}
await runner.close();
await queue.close();
process.stdout.write('empty\n');
