import type { FuzzTarget } from './target.ts';
import { fileTargets } from './targets/files.ts';
import { imapTargets } from './targets/imap.ts';
import { mailTargets } from './targets/mail.ts';
import { sessionTargets } from './targets/sessions.ts';
import { wireTargets } from './targets/wire.ts';

export const fuzzTargets: readonly FuzzTarget[] = [...mailTargets, ...wireTargets, ...imapTargets, ...fileTargets, ...sessionTargets];
