import { AsyncLocalStorage } from 'node:async_hooks';

const callers = new AsyncLocalStorage<string>();

/**
 * Runs `work` so that all its calls to the cloud count as calls of `caller`, for example of one
 * operation. Callers take turns at a busy service (`limiter.ts`).
 */
export const asCaller = <T>(caller: string, work: () => T): T => callers.run(caller, work);

/** Returns the caller of the current call; `''` for calls of the process itself. */
export const currentCaller = (): string => callers.getStore() ?? '';
