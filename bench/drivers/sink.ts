// Where relayed mail ends: an SMTP server in a thread of its own, on many loopback addresses, that counts and forgets.
import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

export interface SinkOptions {
  readonly port: number;
  readonly addresses: readonly string[];
  /** STARTTLS is announced. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
}

export interface SinkState {
  readonly messages: number;
  /** Different `X-Number` fields. */
  readonly distinct: number;
  readonly connections: number;
  readonly secure: number;
  /** TLS sessions that went on from an old one. */
  readonly resumed: number;
}

export interface BenchSink {
  state(): SinkState;
  reset(): void;
  close(): Promise<void>;
}

/** Counters shared with the thread, by place. */
const places = { messages: 0, distinct: 1, connections: 2, secure: 3, resumed: 4 };

export async function startBenchSink(options: SinkOptions): Promise<BenchSink> {
  const counters = new Int32Array(new SharedArrayBuffer(20));
  const worker = new Worker(new URL(import.meta.url), { workerData: { sink: options, counters } });
  await new Promise<void>((resolve, reject) => {
    worker.once('message', () => resolve());
    worker.once('error', reject);
  });
  return {
    state: () => ({
      messages: counters[places.messages]!,
      distinct: counters[places.distinct]!,
      connections: counters[places.connections]!,
      secure: counters[places.secure]!,
      resumed: counters[places.resumed]!,
    }),
    reset: () => worker.postMessage('reset'),
    close: async () => void (await worker.terminate()),
  };
}

function serve({ port, addresses, tls }: SinkOptions, counters: Int32Array): void {
  const context = tls === null ? null : createSecureContext({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) });
  const seen = new Set<string>();
  parentPort!.on('message', () => {
    seen.clear();
    counters.fill(0);
  });

  function talk(socket: Socket, secure: boolean): void {
    let text = '';
    let inText = false;
    socket.setEncoding('latin1');
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      text += chunk;
      let out = '';
      for (;;) {
        if (inText) {
          const end = text.indexOf('\r\n.\r\n');
          if (end < 0) break;
          counters[places.messages]!++;
          if (secure) counters[places.secure]!++;
          seen.add(/^X-Number: (\d+)/m.exec(text.slice(0, end))?.[1] ?? '');
          counters[places.distinct] = seen.size;
          text = text.slice(end + 5);
          inText = false;
          out += '250 2.0.0 Ok: queued as SINK\r\n';
          continue;
        }
        const end = text.indexOf('\r\n');
        if (end < 0) break;
        const verb = text.slice(0, 4).toUpperCase();
        text = text.slice(end + 2);
        if (verb === 'EHLO') {
          const starttls = context !== null && !secure ? '250-STARTTLS\r\n' : '';
          out += `250-sink.test\r\n250-PIPELINING\r\n250-SIZE 100000000\r\n${starttls}250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n`;
        } else if (verb === 'DATA') {
          inText = true;
          out += '354 go ahead\r\n';
        } else if (verb === 'STAR' && context !== null) {
          socket.write('220 2.0.0 go ahead\r\n');
          socket.removeAllListeners('data');
          const upgraded = new TLSSocket(socket, { isServer: true, secureContext: context });
          upgraded.once('secure', () => {
            if (upgraded.isSessionReused()) counters[places.resumed]!++;
          });
          talk(upgraded, true);
          return;
        } else if (verb === 'QUIT') {
          socket.end(`${out}221 2.0.0 bye\r\n`);
          return;
        } else out += '250 2.0.0 Ok\r\n';
      }
      if (out !== '') socket.write(out);
    });
  }

  const listening = addresses.map((address) => {
    const server = createServer({ noDelay: true }, (socket) => {
      counters[places.connections]!++;
      talk(socket, false);
      socket.write('220 sink.test ESMTP\r\n');
    });
    return new Promise<void>((resolve) => server.listen({ port, host: address, backlog: 511 }, resolve));
  });
  void Promise.all(listening).then(() => parentPort!.postMessage('listening'));
}

if (!isMainThread && workerData !== null && typeof workerData === 'object' && 'sink' in workerData) {
  const { sink, counters } = workerData as { sink: SinkOptions; counters: Int32Array };
  serve(sink, counters);
}
