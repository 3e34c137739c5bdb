import { AsyncLocalStorage } from 'node:async_hooks';

const callerStorage = new AsyncLocalStorage<string>();

/**
 * Runs `work`. The limiter counts all calls that `work` makes to the cloud as calls of `caller`.
 * Example of a caller: the id of an operation. Callers take turns at a busy service (`limiter.ts`).
 */
export const asCaller = <T>(caller: string, work: () => T): T => callerStorage.run(caller, work);

/** Returns the caller of the current call, or `''` outside of {@link asCaller}. */
export const currentCaller = (): string => callerStorage.getStore() ?? '';
