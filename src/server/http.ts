import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BoundSocket } from 'node:net';
import type { Log } from '../base/log.ts';
import { formatSamples, type MetricSample } from '../base/metrics.ts';
import { splitAddress } from '../mail/address.ts';
import { stsPolicyText } from '../relay/dns-records.ts';
import { askedAddress, type ClientPorts, outlookConfig, thunderbirdConfig } from './autoconfig.ts';

// An import of node:http also loads its WebSocket, and with that fetch: 40 ms and 15 MB in every process.
const { createServer } = process.getBuiltinModule('node:http');

export interface HttpDeps {
  /** Metrics of all workers together. */
  readonly samples: () => Promise<readonly MetricSample[]>;
  /** False while the server stops. */
  readonly healthy: () => boolean;
  readonly hostname: string;
  /** What mail programs are told to use. */
  readonly ports: ClientPorts;
  /** Whether a domain's mailboxes are here. */
  readonly serves: (domain: string) => Promise<boolean>;
  readonly log: Log;
}

/** Octets of a request's body. */
const bodyLimit = 64 << 10;

export interface HttpListener {
  close(): Promise<void>;
}

/**
 * /healthz and /metrics, for machines on the same network; the MTA-STS policy and what mail programs ask to set themselves up, for a
 * proxy that has certificates for those names; everything else is 404.
 */
export async function httpListener(where: { readonly fd?: number; readonly socket?: BoundSocket }, deps: HttpDeps): Promise<HttpListener> {
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5_000, keepAliveTimeout: 5_000, maxHeaderSize: 8192 },
    (request, response) => {
      answer(request, response, deps).catch((error: unknown) => {
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

async function answer(request: IncomingMessage, response: ServerResponse, deps: HttpDeps): Promise<void> {
  const { samples, healthy, hostname } = deps;
  const { method = '', url = '' } = request;
  const send = (status: number, type: string, body: string): void => {
    response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    response.end(method === 'HEAD' ? undefined : body);
  };
  const [path = '', query = ''] = url.split(/\?(.*)/s);
  // Outlook writes the path in either case.
  const discovers = path.toLowerCase() === '/autodiscover/autodiscover.xml';
  if (discovers && method === 'POST') return discover(request, deps, send);
  request.resume();
  if (discovers || (method !== 'GET' && method !== 'HEAD')) {
    response.setHeader('allow', discovers ? 'POST' : 'GET, HEAD');
    return send(405, 'text/plain', 'method not allowed\n');
  }
  if (path === '/healthz') return healthy() ? send(200, 'text/plain', 'ok\n') : send(503, 'text/plain', 'stopping\n');
  if (path === '/metrics') return send(200, 'text/plain; version=0.0.4; charset=utf-8', formatSamples(await samples()));
  // The same for every domain: their mail comes to this host. RFC 8461 3.2
  if (path === '/.well-known/mta-sts.txt') return send(200, 'text/plain', stsPolicyText(hostname));
  if (path === '/mail/config-v1.1.xml' || path === '/.well-known/autoconfig/mail/config-v1.1.xml') {
    const domain = askedDomain(new URLSearchParams(query).get('emailaddress'), request.headers.host ?? '');
    if (domain !== null && (await deps.serves(domain)))
      return send(200, 'text/xml; charset=utf-8', thunderbirdConfig(domain, hostname, deps.ports));
  }
  return send(404, 'text/plain', 'not found\n');
}

/** Of the address, or of the name that was asked: `autoconfig.example.com`. */
function askedDomain(address: string | null, host: string): string | null {
  const domain = address === null ? host.replace(/:\d+$/, '').replace(/^autoconfig\./i, '') : splitAddress(address)?.domain;
  return domain === undefined || domain === '' || domain.length > 255 ? null : domain.toLowerCase();
}

async function discover(
  request: IncomingMessage,
  { hostname, ports, serves }: HttpDeps,
  send: (status: number, type: string, body: string) => void,
): Promise<void> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bodyLimit) return send(413, 'text/plain', 'too large\n');
    chunks.push(chunk);
  }
  const text = askedAddress(Buffer.concat(chunks).toString('utf8'));
  const address = splitAddress(text);
  if (address === null || !(await serves(address.domain.toLowerCase()))) return send(404, 'text/plain', 'not found\n');
  return send(200, 'text/xml; charset=utf-8', outlookConfig(text, hostname, ports));
}
