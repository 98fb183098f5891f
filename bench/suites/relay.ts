// SMTP out: submission with a login (587, STARTTLS) to a sink; messages a second from the first connection until the last is at the sink.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchSink, startBenchSink } from '../drivers/sink.ts';
import { remoteDomain, type SmtpLoad, smtpLoad } from '../drivers/smtp.ts';
import { delayNote, watchLoop, worstDelay } from '../loop.ts';
import { cpuOf } from '../process.ts';
import { median, type Row, rowsOf } from '../report.ts';
import { dovecotInstalled, startDovecot } from '../servers/dovecot.ts';
import { freePorts } from '../servers/ports.ts';
import { startPostcote } from '../servers/postcote.ts';
import { postfixInstalled, startPostfix } from '../servers/postfix.ts';
import type { BenchServer, LoopDelay } from '../servers/server.ts';

interface Work {
  readonly name: string;
  readonly destinations: number;
  readonly tls: boolean;
}

const works: readonly Work[] = [
  { name: 'R1 5,000 × 4 KB to 1 destination', destinations: 1, tls: false },
  { name: 'R2 5,000 × 4 KB to 100 destinations', destinations: 100, tls: false },
  { name: 'R3 as R1 over TLS', destinations: 1, tls: true },
  { name: 'R4 as R2 over TLS', destinations: 100, tls: true },
];
const messages = 5_000;

interface Measured {
  readonly rate: number;
  readonly cpu: number;
  /** Milliseconds of CPU a message until the last 250 at submission. */
  readonly accept: number;
  readonly connections: number;
  /** Of them, those that resumed a TLS session. */
  readonly resumed: number;
  readonly loop: LoopDelay | null;
}

async function measure(server: BenchServer, sink: BenchSink, work: Work, scale: number): Promise<Measured> {
  await server.restart(true);
  sink.reset();
  const load: SmtpLoad = {
    port: server.ports.submission!,
    messages: Math.max(work.destinations, Math.round(messages * scale)),
    size: 4096,
    sessions: 20,
    perConnection: Number.POSITIVE_INFINITY,
    accounts: 1,
    login: true,
    destinations: work.destinations,
  };
  const loop = await watchLoop(server);
  const before = cpuOf(server.pids);
  const start = performance.now();
  const loaded = await smtpLoad(load);
  const accepted = performance.now() - start;
  const patience = performance.now() + 120_000;
  while (sink.state().distinct < load.messages && performance.now() < patience) await sleep(5);
  const elapsed = performance.now() - start;
  // What is done after the last message counts too.
  await sleep(300);
  const cpu = cpuOf(server.pids) - before;
  const state = sink.state();
  if (loaded.accepted !== load.messages || state.distinct !== load.messages || state.messages !== load.messages) {
    throw new Error(`${server.name}, ${work.name}: ${loaded.accepted} of ${load.messages} accepted; ${JSON.stringify(state)}`);
  }
  if (work.tls !== (state.secure === state.messages)) throw new Error(`${server.name}, ${work.name}: ${state.secure} came over TLS`);
  return {
    rate: (load.messages / elapsed) * 1000,
    cpu: cpu / load.messages,
    accept: (load.messages / accepted) * 1000,
    connections: state.connections,
    resumed: state.resumed,
    loop: await loop(),
  };
}

export interface RelayBench {
  readonly root: string;
  readonly certificate: { readonly cert: string; readonly key: string };
  readonly withPeer: boolean;
  readonly workers: number;
  readonly nodeOptions: string;
}

export async function relaySuite(bench: RelayBench, runs: number, scale: number, only: RegExp): Promise<Row[]> {
  const { root, certificate } = bench;
  const rows: Row[] = [];
  const [port] = (await freePorts(1)) as [number];
  // A next hop of its own for each domain: no DNS is asked, and each destination has its own queue at both.
  const hop = (n: number): string => `[127.0.1.${n + 1}]:${port}`;
  const all = Array.from({ length: 100 }, (_, n) => n);
  const started: BenchServer[] = [];
  try {
    const ours = await startPostcote(join(root, 'relay-postcote'), 1, certificate, {
      workers: bench.workers,
      nodeOptions: bench.nodeOptions,
      extra: `[relay]\ntransport = { ${all.map((n) => `"${remoteDomain(n)}" = "${hop(n)}"`).join(', ')} }\n`,
    });
    started.push(ours);
    let peer: BenchServer | null = null;
    if (bench.withPeer && postfixInstalled() && dovecotInstalled()) {
      const sasl = await startDovecot(join(root, 'relay-sasl'), 1, certificate);
      started.push(sasl);
      const postfix = await startPostfix(
        join(root, 'relay-postfix'),
        1,
        sasl.authSocket,
        certificate,
        `transport_maps = inline:{ ${all.map((n) => `{ ${remoteDomain(n)} = smtp:${hop(n)} }`).join(', ')} }
smtp_tls_security_level = may
smtp_tls_session_cache_database = btree:\${data_directory}/smtp_scache
`,
      );
      started.push(postfix);
      peer = {
        ...postfix,
        get pids() {
          return [...postfix.pids, ...sasl.pids];
        },
      };
    }
    for (const work of works.filter((one) => only.test(one.name))) {
      const sink = await startBenchSink({ port, addresses: all.map((n) => `127.0.1.${n + 1}`), tls: work.tls ? certificate : null });
      const a: Measured[] = [];
      const b: Measured[] = [];
      for (let run = 0; run < runs; run++) {
        a.push(await measure(ours, sink, work, scale));
        if (peer !== null) b.push(await measure(peer, sink, work, scale));
      }
      await sink.close();
      const row = rowsOf(work.name, a, b, peer?.name ?? '');
      const connections = (list: readonly Measured[]): string =>
        list.length === 0
          ? '–'
          : `${median(list.map((m) => m.connections)).toFixed(0)} (TLS resumed ${median(list.map((m) => m.resumed)).toFixed(0)})`;
      rows.push(
        {
          ...row('messages/s', true, 2, (m) => m.rate),
          notes: `connections to the sink: ${connections(a)}, peer ${connections(b)}; ${delayNote(worstDelay(a.flatMap((m) => m.loop ?? [])))}`,
        },
        row('CPU ms a message', false, 1, (m) => m.cpu),
        row('accepted/s', true, null, (m) => m.accept),
      );
    }
  } finally {
    for (const server of started.reverse()) await server.stop().catch((error: unknown) => console.error(String(error)));
  }
  return rows;
}
