import type { Log } from '../base/log.ts';
import { openDirectory } from '../directory/open.ts';
import { Fault } from '../mail/fault.ts';
import { TlsContexts, type TlsSettings } from '../net/tls.ts';
import { readCertificates } from './certificates.ts';
import type { Loaded } from './config/load.ts';
import type { SettingName } from './config/settings.ts';
import { demoAccounts } from './demo.ts';
import { exitOfErrno, failureOf, StartFailure, startExit } from './failure.ts';
import { become, type Identity, identityOf, ownFolder } from './privileges.ts';
import { directorySlice, mailRoot } from './slices.ts';
import { type BoundListener, bindListeners } from './sockets.ts';

/** What had to be done while the process could still do everything. */
export interface Prepared {
  readonly tls: TlsSettings;
  readonly bound: readonly BoundListener[];
}

/**
 * Ports, certificates, folders; then gives up root. In this order, because each needs what the later take away.
 * @throws StartFailure
 */
export function prepare({ config, where }: Loaded, log: Log, workers = config.workers): Prepared {
  const isRoot = process.getuid?.() === 0;
  const identity = isRoot && config.run_as !== '' ? identityOf(config.run_as, where('run_as')) : null;
  if (config.run_as !== '' && !isRoot) checkAlready(identityOf(config.run_as, where('run_as')), where('run_as'));

  folder('data_dir', config.data_dir, identity, where);
  folder('mail.home', mailRoot(config), identity, where);
  const tls = readTls({ config, where }, identity);
  const bound = bindListeners(config, where, workers);
  if (identity !== null) become(identity);
  else if (isRoot) log.warn({ setting: 'run_as' }, 'running as root; set run_as = "vmail:vmail" or another user');
  return { tls, bound };
}

/** The configuration wants a user and we cannot change: then we must be that one. */
function checkAlready({ uid }: Identity, where: string | null): void {
  if (process.getuid?.() === uid) return;
  throw failureOf(
    startExit.notPermitted,
    'run_as',
    where,
    'only root may become another user; start as root, as that user, or leave run_as out',
  );
}

function folder(setting: SettingName, path: string, identity: Identity | null, where: (name: SettingName) => string | null): void {
  try {
    ownFolder(path, identity);
  } catch (error) {
    const { code = 'error' } = error as NodeJS.ErrnoException;
    throw failureOf(
      exitOfErrno(error),
      setting,
      where(setting),
      `cannot make ${path}: ${code}; make it or choose a folder that the server may write to`,
    );
  }
}

/** Certificates and keys, read and found to fit together. @throws StartFailure 78, 77 */
export function readTls({ config, where }: Pick<Loaded, 'config' | 'where'>, identity: Identity | null = null): TlsSettings {
  const tls = readCertificates(config, where, identity);
  try {
    new TlsContexts(tls);
  } catch (error) {
    throw failureOf(
      startExit.configuration,
      'tls.certificate',
      where('tls.certificate'),
      `${(error as Error).message}; wants a PEM certificate and its key`,
    );
  }
  return tls;
}

/** Opens the directory once before anyone needs it: migrations run here, and trouble has a setting's name. @returns demo accounts, `ADDRESS PASSWORD` */
export async function prepareDirectory({ config, where }: Loaded, hash: (password: string) => Promise<string>): Promise<string[]> {
  try {
    const directory = openDirectory(directorySlice(config));
    try {
      return config['mail.demo'] ? await demoAccounts(config.data_dir, directory, hash) : [];
    } finally {
      directory.close();
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new StartFailure(startExit.unavailable, [where('data_dir'), 'data_dir', error.detail].filter((part) => part !== null).join(': '));
  }
}
