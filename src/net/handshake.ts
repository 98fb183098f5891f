import type { TLSSocket } from 'node:tls';
import { Fault } from '../mail/fault.ts';

export interface TlsInfo {
  /** `TLSv1.3` */
  readonly protocol: string;
  /** `TLS_AES_256_GCM_SHA384` */
  readonly cipher: string;
  /** What the client asked for, '' where it named none. */
  readonly servername: string;
  readonly resumed: boolean;
}

/**
 * Waits for the client's half of the handshake; destroys the socket where it fails.
 *
 * @throws Fault unavailable
 */
export async function handshake(socket: TLSSocket, timeoutMs: number): Promise<TlsInfo> {
  let reason = 'connection lost';
  const giveUp = (why?: NodeJS.ErrnoException): void => {
    if (why !== undefined) reason = why.code ?? why.message;
    socket.destroy();
  };
  // A client that closes its side now has nothing more to say that could end the handshake.
  const leave = (): void => giveUp();
  const timer = setTimeout(() => giveUp(new Error('timed out')), timeoutMs);
  let fail!: () => void;
  try {
    await new Promise<void>((resolve, reject) => {
      fail = () => reject(new Fault('unavailable', `TLS handshake: ${reason}`));
      socket.once('secure', resolve);
      socket.once('_tlsError', giveUp);
      socket.once('end', leave);
      socket.once('close', fail);
    });
  } finally {
    clearTimeout(timer);
    socket.off('_tlsError', giveUp);
    socket.off('end', leave);
    socket.off('close', fail);
  }
  const { name, standardName } = socket.getCipher();
  return {
    protocol: socket.getProtocol() ?? 'unknown',
    cipher: standardName ?? name,
    servername: (socket as { servername?: string | false }).servername || '',
    resumed: socket.isSessionReused(),
  };
}
