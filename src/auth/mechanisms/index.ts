import type { Mechanism } from '../mechanism.ts';
import { login } from './login.ts';
import { plain } from './plain.ts';
import { scramMechanisms } from './scram.ts';

/** In the order in which they are announced, the strongest first. */
export const mechanisms: readonly Mechanism[] = [...scramMechanisms, plain, login];
