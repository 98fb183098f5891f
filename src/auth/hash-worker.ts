import { parentPort } from 'node:worker_threads';
import { Fault } from '../mail/fault.ts';
import type { HashAnswer, HashRequest } from './hash-pool.ts';
import { hashPassword, verifyPassword } from './password.ts';

parentPort!.on('message', (request: HashRequest) => {
  void answer(request).then((value) => parentPort!.postMessage({ id: request.id, ...value } satisfies HashAnswer));
});

async function answer(request: HashRequest): Promise<Omit<HashAnswer, 'id'>> {
  try {
    if (request.work === 'hash') return { text: await hashPassword(request.password, request.scheme) };
    return { verified: await verifyPassword(request.password, request.stored, request.scheme, request.address) };
  } catch (error) {
    if (error instanceof Fault) return { fault: error.kind, detail: error.detail };
    return { fault: 'internal', detail: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
