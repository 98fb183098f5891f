import type { Mechanism } from '../mechanism.ts';
import { cramMd5 } from './cram-md5.ts';
import { login } from './login.ts';
import { plain } from './plain.ts';
import { scramMechanisms } from './scram.ts';

/** In the order in which they are announced, the strongest first. */
export const mechanisms: readonly Mechanism[] = [...scramMechanisms, cramMd5, plain, login];
