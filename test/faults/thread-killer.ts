// Preloaded into the server: SIGUSR2 ends the store threads of a process wherever they are.
import { isMainThread, type Worker } from 'node:worker_threads';

if (isMainThread) {
  const threads = new Set<Worker>();
  process.on('worker', (worker: Worker) => {
    if (worker.threadName !== 'postcote store') return;
    threads.add(worker);
    worker.once('exit', () => threads.delete(worker));
  });
  process.on('SIGUSR2', () => {
    for (const worker of threads) void worker.terminate();
  });
}
