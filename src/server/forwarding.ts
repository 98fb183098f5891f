import type { DirectorySource, Expansion } from '../directory/directory.ts';
import { type Address, formatAddress, splitAddress } from '../mail/address.ts';
import type { NewQueued } from '../queue/queue.ts';
import { isSrs, type Srs, srsForward, srsReverse } from '../relay/srs.ts';

/** A directory that also knows the reverse paths that forwarding gave out: bounces to them go on to the first sender. */
export function withSrs<T extends DirectorySource>(directory: T, srs: Srs): T {
  return {
    ...directory,
    async expand(address: Address): Promise<Expansion> {
      if (isSrs(address.localPart)) {
        const sender = (await directory.domain(address.domain)) === null ? null : srsReverse(address.localPart, srs);
        if (sender !== null) {
          const steps = [{ from: formatAddress(address), rule: 'remote' as const, to: formatAddress(sender) }];
          return { accounts: [], remote: [sender], failure: null, steps };
        }
      }
      return directory.expand(address);
    },
  };
}

/**
 * The reverse path for mail that an alias of ours sends on to another server: ours, so that SPF holds there and bounces find back.
 * The sender's own where it is of a domain of ours; From is left alone, so DKIM holds and DMARC with it.
 */
export function forwardedSender(directory: DirectorySource, srs: Srs) {
  return async ({ envelope, recipients, submitted }: NewQueued): Promise<Address | null> => {
    const { reversePath } = envelope;
    const first = recipients[0];
    if (reversePath === null || submitted === true || first === undefined) return reversePath;
    const forwarded = recipients.every(({ transport, address, original }) => {
      return transport === 'relay' && formatAddress(address).toLowerCase() !== original.toLowerCase();
    });
    const ours = splitAddress(first.original)?.domain;
    if (!forwarded || ours === undefined || (await directory.domain(ours)) === null) return reversePath;
    if ((await directory.domain(reversePath.domain)) !== null) return reversePath;
    return srsForward(reversePath, ours, srs) ?? reversePath;
  };
}
