import { connect, createServer, type Socket } from 'node:net';

export interface BreakingProxy {
  readonly port: number;
  /** How often what was done to a connection. */
  readonly did: Record<Harm | 'none', number>;
  /** Refused ones get a reset; the gentle proxy passes everything. */
  mode: 'refuse' | 'break' | 'gentle';
  close(): Promise<void>;
}

type Harm = 'busy' | 'cutFromClient' | 'cutFromServer' | 'slow';

/** A way between two mail servers that is often bad: 421 at the greeting, resets after any number of octets of either side, slowness. */
export async function breakingProxy(upstream: number, random: () => number): Promise<BreakingProxy> {
  const sockets = new Set<Socket>();
  const proxy: BreakingProxy = {
    port: 0,
    did: { none: 0, busy: 0, cutFromClient: 0, cutFromServer: 0, slow: 0 },
    mode: 'break',
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  const harmOf = (): Harm | 'none' => {
    if (proxy.mode === 'gentle') return 'none';
    const turn = random();
    return turn < 0.15 ? 'busy' : turn < 0.35 ? 'cutFromClient' : turn < 0.5 ? 'cutFromServer' : turn < 0.6 ? 'slow' : 'none';
  };
  const server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => {});
    client.on('close', () => sockets.delete(client));
    if (proxy.mode === 'refuse') return client.resetAndDestroy();
    const harm = harmOf();
    proxy.did[harm]++;
    if (harm === 'busy') return client.end('421 4.3.2 Service not available\r\n');
    const peer = connect(upstream, '127.0.0.1');
    sockets.add(peer);
    const cut = (): void => {
      client.resetAndDestroy();
      peer.resetAndDestroy();
    };
    peer.on('error', cut);
    peer.on('close', () => {
      sockets.delete(peer);
      client.end();
    });
    client.on('close', () => peer.end());
    // Anywhere: in the commands, in the text, in the reply to it.
    const pass = (from: Socket, to: Socket, limit: number): void => {
      let left = limit;
      from.on('data', (chunk: Buffer) => {
        if (chunk.length < left) {
          left -= chunk.length;
          if (harm === 'slow') setTimeout(() => to.write(chunk), 50);
          else to.write(chunk);
          return;
        }
        to.write(chunk.subarray(0, left), cut);
      });
    };
    const far = Number.POSITIVE_INFINITY;
    pass(client, peer, harm === 'cutFromClient' ? 1 + Math.floor(random() ** 2 * 200_000) : far);
    pass(peer, client, harm === 'cutFromServer' ? 1 + Math.floor(random() * 900) : far);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(proxy, { port: (server.address() as { port: number }).port });
}
