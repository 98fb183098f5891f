#!/usr/bin/env node
import { launch } from './server/launch.ts';

await launch(async () => (await import('./server/main.ts')).main());
