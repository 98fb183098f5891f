import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Connections tried until one falls to the process that is wanted. */
const most = 100;

/** Processes below `pid`; none where the system does not say. */
export function children(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/**
 * A connection to a port of 127.0.0.1 that this process has taken: the kernel chooses among workers by a hash of the ports, so others
 * are closed again.
 */
export async function connectToWorker(port: number, pid: number): Promise<Socket> {
  for (let tries = 0; tries < most; tries++) {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    if (holds(pid, await inodeOfPeer(port, socket.localPort!))) return socket;
    socket.destroy();
  }
  throw new Error(`process ${pid} took none of ${most} connections to port ${port}`);
}

/** Of the server's end of a connection, once it was accepted. */
async function inodeOfPeer(port: number, from: number): Promise<string> {
  const hex = (n: number): string => n.toString(16).toUpperCase().padStart(4, '0');
  const row = new RegExp(`:${hex(port)} [0-9A-F]+:${hex(from)} (?:\\S+ +){6}(\\d+)`);
  for (let waits = 0; ; waits++) {
    // 0: still in the backlog.
    const inode = row.exec(readFileSync('/proc/net/tcp', 'utf8'))?.[1] ?? '0';
    if (inode !== '0') return inode;
    if (waits === 5000) throw new Error(`nobody takes a connection to port ${port}`);
    await sleep(1);
  }
}

function holds(pid: number, inode: string): boolean {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).some((fd) => {
    try {
      return readlinkSync(`${folder}/${fd}`) === `socket:[${inode}]`;
    } catch {
      return false;
    }
  });
}
