import type { CommandFile } from '../command.ts';
import { config } from './config.ts';
import { mailq } from './mailq.ts';
import { newaliases } from './newaliases.ts';
import { queue } from './queue.ts';

export const commands: readonly CommandFile[] = [config, queue, mailq, newaliases];
