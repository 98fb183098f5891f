import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureVersion, type TLSSocketOptions } from 'node:tls';

/** A PEM chain and its key; the key may be in the chain's file. */
export interface Certificate {
  readonly chain: string;
  readonly key?: string;
  /** Where it came from, for messages. */
  readonly source?: string;
}

export interface TlsSettings {
  /** The first is for clients that name no host or one that none is for. */
  readonly certificates: readonly [Certificate, ...Certificate[]];
  readonly minVersion: SecureVersion;
  /** OpenSSL cipher list; Node's when absent. */
  readonly ciphers?: string;
}

interface Contexts {
  readonly fallback: SecureContext;
  readonly all: readonly SecureContext[];
  /** By DNS name, lower case; `*.` for wildcards. */
  readonly byName: ReadonlyMap<string, SecureContext>;
  readonly expires: readonly { readonly source: string; readonly notAfter: number }[];
}

/** The server's side of TLS: which certificate for which name, and tickets that every worker can open. */
export class TlsContexts {
  #contexts: Contexts;
  #ticketKeys: Buffer | null;

  /** @throws Error that names the certificate's source */
  constructor(settings: TlsSettings, ticketKeys: Buffer | null = null) {
    this.#ticketKeys = ticketKeys;
    this.#contexts = build(settings, ticketKeys);
  }

  /** New handshakes use the new certificates; open sessions stay. Nothing changes where it throws. */
  replace(settings: TlsSettings): void {
    this.#contexts = build(settings, this.#ticketKeys);
  }

  /** 48 octets, the same in all workers, so that a session started in one is resumed in another. RFC 5077 4 */
  set ticketKeys(keys: Buffer) {
    this.#ticketKeys = keys;
    for (const context of this.#contexts.all) setTicketKeys(context, keys);
  }

  /** Certificates and when they end, milliseconds since 1970. */
  get expires(): Contexts['expires'] {
    return this.#contexts.expires;
  }

  /** RFC 6066 3; a wildcard stands for one label. RFC 9525 6.3 */
  contextFor(servername: string): SecureContext {
    const name = servername.toLowerCase().replace(/\.$/, '');
    const { byName, fallback } = this.#contexts;
    return byName.get(name) ?? byName.get(name.replace(/^[^.]+/, '*')) ?? fallback;
  }

  socketOptions(): TLSSocketOptions {
    return {
      isServer: true,
      secureContext: this.#contexts.fallback,
      // With one certificate there is nothing to choose, and each handshake is spared the question.
      ...(this.#contexts.all.length === 1 ? {} : { SNICallback: (servername, done) => done(null, this.contextFor(servername)) }),
    };
  }
}

function build(settings: TlsSettings, ticketKeys: Buffer | null): Contexts {
  const byName = new Map<string, SecureContext>();
  const expires: { source: string; notAfter: number }[] = [];
  const all = settings.certificates.map((certificate) => {
    const source = certificate.source ?? 'certificate';
    try {
      const context = createSecureContext({
        cert: certificate.chain,
        key: certificate.key ?? certificate.chain,
        minVersion: settings.minVersion,
        honorCipherOrder: true,
        sessionIdContext: 'postcote',
        ...(settings.ciphers === undefined ? {} : { ciphers: settings.ciphers }),
      });
      if (ticketKeys !== null) setTicketKeys(context, ticketKeys);
      const x509 = new X509Certificate(certificate.chain);
      expires.push({ source, notAfter: Date.parse(x509.validTo) });
      for (const name of names(x509)) if (!byName.has(name)) byName.set(name, context);
      return context;
    } catch (error) {
      throw new Error(`${source}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  });
  return { fallback: all[0]!, all, byName, expires };
}

/** Node has this on tls.Server only; here one context serves many listeners and STARTTLS. */
function setTicketKeys(context: SecureContext, keys: Buffer): void {
  (context.context as { setTicketKeys(keys: Buffer): void }).setTicketKeys(keys);
}

/** Subject names, or the common name of a certificate without. RFC 9525 6.3 */
function names(certificate: X509Certificate): string[] {
  const alternative = [...(certificate.subjectAltName ?? '').matchAll(/DNS:([^,\s"]+)/g)].map(([, name]) => name!.toLowerCase());
  if (alternative.length > 0) return alternative;
  const common = /^CN=(\S+)$/m.exec(certificate.subject)?.[1];
  return common === undefined ? [] : [common.toLowerCase()];
}
