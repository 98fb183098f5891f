import { hash as argon2Hash, verify as argon2Verify, argon2i as typeI, argon2id as typeId } from 'argon2';
import { Fault } from '../../mail/fault.ts';
import type { PasswordScheme } from '../scheme.ts';

/** KiB; RFC 9106 4 (second recommended option). */
const defaultMemory = 65_536;
const maxMemory = 1 << 20;
const maxWork = 16 * (1 << 20);

/**
 * QUIRK: libsodium, which Dovecot uses, reads the parameters only in the order `m=,t=,p=` that the PHC string format asks for;
 * argon2 0.45 writes others.
 */
function inOrder(hash: string): string {
  return hash.replace(/\$((?:[mtp]=\d+,?){3})\$/, (_, list: string) => {
    const values = new Map(list.split(',').map((pair) => [pair[0]!, pair.slice(2)]));
    return `$m=${values.get('m')},t=${values.get('t')},p=${values.get('p')}$`;
  });
}

function scheme(name: string, type: typeof typeI | typeof typeId, prefix: string, aliases: readonly string[]): PasswordScheme {
  return {
    name,
    aliases,
    looksLike: new RegExp(`^\\$${prefix}\\$v=\\d+\\$`),
    weak: false,
    async verify(password, hash) {
      const shape = /^\$argon2i?d?\$v=\d+\$([mtp=\d,]+)\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$/.exec(hash);
      if (shape === null) return false;
      const cost = (letter: string): number => Number(new RegExp(`(?:^|,)${letter}=(\\d{1,9})(?:,|$)`).exec(shape[1]!)?.[1] ?? Number.NaN);
      const [memory, time] = [cost('m'), cost('t')];
      if (!(memory <= maxMemory && memory * time <= maxWork)) {
        throw new Fault('unsupported', `${name} with ${memory} KiB and ${time} passes is more than is allowed`);
      }
      return argon2Verify(hash, password);
    },
    hash: async (password) => inOrder(await argon2Hash(password, { type, memoryCost: defaultMemory, timeCost: 3, parallelism: 1 })),
  };
}

export const argon2i = scheme('ARGON2I', typeI, 'argon2i', []);
export const argon2id = scheme('ARGON2ID', typeId, 'argon2id', ['ARGON2']);
