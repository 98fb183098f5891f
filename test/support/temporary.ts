import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setApart } from '../../src/base/make-apart.ts';

/** One folder for all that tests leave, apart on the disk from one another (docs/decisions/0028), removed at the end. */
export default function temporary(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'postcote-'));
  // Programs with a user of their own, such as Postfix, go through it.
  chmodSync(folder, 0o755);
  setApart(folder);
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
