import ipaddr from 'ipaddr.js';

/** What counts as one client for throttling: an IPv4 address, an IPv6 /64. */
export function networkOf(remoteAddress: string): string {
  try {
    const address = ipaddr.process(remoteAddress.replace(/%.*$/, ''));
    if (address.kind() === 'ipv4') return address.toString();
    const [a, b, c, d] = (address as ipaddr.IPv6).parts;
    return [a, b, c, d].map((part) => part!.toString(16)).join(':');
  } catch {
    return remoteAddress;
  }
}

export function isLoopback(remoteAddress: string): boolean {
  try {
    return ipaddr.process(remoteAddress).range() === 'loopback';
  } catch {
    return false;
  }
}
