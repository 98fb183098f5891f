import { Fault } from '../../mail/fault.ts';
import type { PasswordScheme } from '../scheme.ts';

/** Loaded by the thread that needs it. */
const load = () => import('argon2');

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

function scheme(name: string, prefix: 'argon2i' | 'argon2id', aliases: readonly string[]): PasswordScheme {
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
      return (await load()).verify(hash, password);
    },
    async hash(password) {
      const argon2 = await load();
      return inOrder(await argon2.hash(password, { type: argon2[prefix], memoryCost: defaultMemory, timeCost: 3, parallelism: 1 }));
    },
  };
}

export const argon2i = scheme('ARGON2I', 'argon2i', []);
export const argon2id = scheme('ARGON2ID', 'argon2id', ['ARGON2']);
