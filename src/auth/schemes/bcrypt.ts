import { Fault } from '../../mail/fault.ts';
import type { PasswordScheme } from '../scheme.ts';

const defaultCost = 10;
/** Each step doubles the work; 16 takes some seconds. */
const maxCost = 16;

/** Few need it, and every process and hashing thread would read it when it starts. */
const load = async () => (await import('bcryptjs')).default;

export const blfCrypt: PasswordScheme = {
  name: 'BLF-CRYPT',
  looksLike: /^\$2[aby]\$\d\d\$[./0-9A-Za-z]{53}$/,
  weak: false,
  async verify(password, hash) {
    const match = /^\$2[aby]\$(\d\d)\$[./0-9A-Za-z]{53}$/.exec(hash);
    if (match === null) return false;
    if (Number(match[1]) > maxCost) throw new Fault('unsupported', `BLF-CRYPT with cost ${match[1]}; ${maxCost} is the most`);
    return (await load()).compareSync(password, hash);
  },
  // $2y$ is what every crypt(3) and Dovecot know.
  hash: async (password) => (await load()).hashSync(password, defaultCost).replace(/^\$2[ab]\$/, '$2y$'),
};
