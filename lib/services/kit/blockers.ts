import type { Blocker } from '../../task/service.ts';

/** Returns a blocker that resolves by itself: no action is needed. */
export const temporaryBlocker = (message: string): Blocker => ({ message, actor: 'none' });
