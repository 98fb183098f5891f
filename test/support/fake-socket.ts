import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { Log } from '../../src/base/log.ts';
import { Connection } from '../../src/net/connection.ts';

/** A client that has said all it will say, in pieces or at once, and writes down what it hears. */
class FakeSocket extends Duplex {
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 1;
  readonly localAddress = '127.0.0.1';
  readonly localPort = 2;
  bytesRead = 0;
  bytesWritten = 0;
  heard = '';

  setNoDelay(): this {
    return this;
  }
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.heard += chunk.toString('latin1');
    done();
  }
}

/**
 * A session with a client that says `chunks`, each in a turn of the event loop of its own, and leaves.
 *
 * @returns what the client hears
 */
export async function conversation(chunks: Iterable<Buffer>, handle: (connection: Connection) => Promise<void>, log: Log): Promise<string> {
  const socket = new FakeSocket({ allowHalfOpen: true });
  socket.on('error', () => {});
  const served = handle(new Connection(socket as unknown as Socket, { tls: null, log }));
  for (const chunk of chunks) {
    if (socket.destroyed) break;
    // A copy: the receiver may write into what it gets.
    socket.push(Buffer.from(chunk));
    await turn();
  }
  if (!socket.destroyed) socket.push(null);
  await served;
  socket.destroy();
  return socket.heard;
}
