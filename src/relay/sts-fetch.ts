import { get } from 'node:https';
import type { StsFetch } from './mta-sts.ts';

const limit = 64 << 10;

/** Over https with the web's certificates; no redirects; a minute and 64 KiB at most. RFC 8461 3.3 */
export const fetchStsPolicy: StsFetch = (domain) =>
  new Promise((resolve, reject) => {
    const request = get(
      `https://mta-sts.${domain}/.well-known/mta-sts.txt`,
      { timeout: 15_000, agent: false, headers: { accept: 'text/plain' } },
      (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        if (response.statusCode !== 200 || !/^text\/plain(;|$)/i.test(response.headers['content-type'] ?? '')) {
          request.destroy(new Error(`answered ${response.statusCode} ${response.headers['content-type'] ?? ''}`));
          return;
        }
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > limit) request.destroy(new Error('too long'));
          else chunks.push(chunk);
        });
        response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
      },
    );
    const whole = setTimeout(() => request.destroy(new Error('took too long')), 60_000);
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', reject);
    request.on('close', () => clearTimeout(whole));
  });
