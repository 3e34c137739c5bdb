import type { Blocker } from '../../task/service.ts';

/** Returns a blocker that ends without an action of a person. */
export const temporaryBlocker = (message: string): Blocker => ({ message, actor: 'none' });
