#!/usr/bin/env node
import { launch } from './server/launch.ts';

await launch(async () => (await import('./cli/main.ts')).main());
