import type { CommandFile } from '../command.ts';
import { config } from './config.ts';

export const commands: readonly CommandFile[] = [config];
