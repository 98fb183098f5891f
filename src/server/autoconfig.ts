import type { ListenerInfo, ListenerName } from './sockets.ts';

type ClientService = Extract<ListenerName, 'submission' | 'submissions' | 'imap' | 'imaps' | 'pop3' | 'pop3s'>;

/** How mail programs reach a service: null where they cannot. */
export type ClientPorts = Readonly<Record<ClientService, number | null>>;

const isLoopback = (host: string): boolean => /^(?:127\.|::1$|localhost$)/.test(host);

/** Ports that answer from outside; where all of a service's are on loopback, those if `loopback` asks for them. */
export function clientPorts(listeners: readonly ListenerInfo[], loopback: boolean): ClientPorts {
  const port = (service: ClientService): number | null => {
    const all = listeners.filter(({ name }) => name === service);
    return (all.find(({ host }) => !isLoopback(host)) ?? (loopback ? all[0] : undefined))?.port ?? null;
  };
  return {
    submission: port('submission'),
    submissions: port('submissions'),
    imap: port('imap'),
    imaps: port('imaps'),
    pop3: port('pop3'),
    pop3s: port('pop3s'),
  };
}

/** Best first: a program takes the first that it can. RFC 8314 3 */
const offered = [
  { service: 'imaps', type: 'imap', tls: true },
  { service: 'imap', type: 'imap', tls: false },
  { service: 'pop3s', type: 'pop3', tls: true },
  { service: 'pop3', type: 'pop3', tls: false },
  { service: 'submissions', type: 'smtp', tls: true },
  { service: 'submission', type: 'smtp', tls: false },
] as const;

const reached = (ports: ClientPorts) =>
  offered.flatMap(({ service, type, tls }) => {
    const port = ports[service];
    return port === null ? [] : [{ type, tls, port }];
  });

/** What Thunderbird, K-9, Evolution and KMail ask for: Mozilla's autoconfig, `config-v1.1.xml`. */
export function thunderbirdConfig(domain: string, hostname: string, ports: ClientPorts): string {
  const servers = reached(ports).map(({ type, tls, port }) => {
    const word = type === 'smtp' ? 'outgoingServer' : 'incomingServer';
    return `    <${word} type="${type}">
      <hostname>${xml(hostname)}</hostname>
      <port>${port}</port>
      <socketType>${tls ? 'SSL' : 'STARTTLS'}</socketType>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>
    </${word}>
`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="${xml(domain)}">
    <domain>${xml(domain)}</domain>
    <displayName>${xml(domain)}</displayName>
    <displayShortName>${xml(domain)}</displayShortName>
${servers.join('')}  </emailProvider>
</clientConfig>
`;
}

/** What Outlook asks for: Microsoft's POX autodiscover, for accounts by IMAP, POP3 and SMTP. Of each kind the best. */
export function outlookConfig(address: string, hostname: string, ports: ClientPorts): string {
  const seen = new Set<string>();
  const best = reached(ports).filter(({ type }) => !seen.has(type) && seen.add(type) !== undefined);
  const protocols = best.map(
    ({ type, tls, port }) => `      <Protocol>
        <Type>${type.toUpperCase()}</Type>
        <Server>${xml(hostname)}</Server>
        <Port>${port}</Port>
        <LoginName>${xml(address)}</LoginName>
        <DomainRequired>off</DomainRequired>
        <SPA>off</SPA>
        <SSL>${tls ? 'on' : 'off'}</SSL>
        <Encryption>${tls ? 'SSL' : 'TLS'}</Encryption>
        <AuthRequired>on</AuthRequired>
      </Protocol>
`,
  );
  return `<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
  <Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a">
    <Account>
      <AccountType>email</AccountType>
      <Action>settings</Action>
${protocols.join('')}    </Account>
  </Response>
</Autodiscover>
`;
}

/** The address that Outlook asks about, '' where it says none. Only this one element is looked for; nothing else of the XML is read. */
export function askedAddress(request: string): string {
  const text = /<(?:\w{1,20}:)?EMailAddress>\s*([^<>\s]{3,320})\s*</.exec(request)?.[1] ?? '';
  return text.replaceAll('&amp;', '&').replaceAll('&apos;', "'");
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };
const xml = (text: string): string => text.replace(/[&<>"']/g, (c) => entities[c]!);
