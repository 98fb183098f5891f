import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { makeSelfSigned } from './certificates.ts';

describe('self-signed certificate', () => {
  it.each(['ec', 'rsa'] as const)('%s: signed by its own key, for the host and loopback', (kind) => {
    const certificate = new X509Certificate(makeSelfSigned('mail.example.com', kind, Date.UTC(2045, 0, 1)));
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkHost('mail.example.com')).toBe('mail.example.com');
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkIP('::1')).toBe('::1');
    expect(certificate.ca).toBe(false);
    // Past 2049 the other form of time is used. RFC 5280 4.1.2.5
    expect(new Date(certificate.validTo).getUTCFullYear()).toBe(2054);
  });

  it('takes a host name of any length', () => {
    const host = `${'a'.repeat(60)}.${'b'.repeat(60)}.example`;
    expect(new X509Certificate(makeSelfSigned(host, 'ec')).checkHost(host)).toBe(host);
  });
});
