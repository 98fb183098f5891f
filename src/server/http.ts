import { createServer, type ServerResponse } from 'node:http';
import type { BoundSocket } from 'node:net';
import type { Log } from '../base/log.ts';
import { formatSamples, type MetricSample } from '../base/metrics.ts';
import { stsPolicyText } from '../relay/dns-records.ts';

export interface HttpDeps {
  /** Metrics of all workers together. */
  readonly samples: () => Promise<readonly MetricSample[]>;
  /** False while the server stops. */
  readonly healthy: () => boolean;
  readonly hostname: string;
  readonly log: Log;
}

export interface HttpListener {
  close(): Promise<void>;
}

/** /healthz and /metrics, for machines on the same network; the MTA-STS policy, for a proxy that has a certificate for it; everything else is 404. */
export async function httpListener(where: { readonly fd?: number; readonly socket?: BoundSocket }, deps: HttpDeps): Promise<HttpListener> {
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5_000, keepAliveTimeout: 5_000, maxHeaderSize: 8192 },
    (request, response) => {
      request.resume();
      answer(request.method ?? '', request.url ?? '', response, deps).catch((error: unknown) => {
        deps.log.error({ error }, 'http request failed');
        if (!response.headersSent) response.writeHead(500);
        response.end();
      });
    },
  );
  server.maxConnections = 256;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(where.socket === undefined ? { fd: where.fd!, exclusive: true } : { handle: where.socket }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(method: string, url: string, response: ServerResponse, { samples, healthy, hostname }: HttpDeps): Promise<void> {
  const send = (status: number, type: string, body: string): void => {
    response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    response.end(method === 'HEAD' ? undefined : body);
  };
  const path = url.replace(/\?.*$/, '');
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return send(405, 'text/plain', 'method not allowed\n');
  }
  if (path === '/healthz') return healthy() ? send(200, 'text/plain', 'ok\n') : send(503, 'text/plain', 'stopping\n');
  if (path === '/metrics') return send(200, 'text/plain; version=0.0.4; charset=utf-8', formatSamples(await samples()));
  // The same for every domain: their mail comes to this host. RFC 8461 3.2
  if (path === '/.well-known/mta-sts.txt') return send(200, 'text/plain', stsPolicyText(hostname));
  return send(404, 'text/plain', 'not found\n');
}
