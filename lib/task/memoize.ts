import type { CommonContext } from './context.ts';

/**
 * Returns a `memoize` function with an empty cache. Each iteration needs a new cache, because a
 * shared answer must not be older than the iteration.
 */
export function createMemoize(): CommonContext['memoize'] {
  const cache = new Map<string, Promise<unknown>>();
  return <T>(key: string, load: () => Promise<T>): Promise<T> => {
    const cachedValue = cache.get(key) as Promise<T> | undefined;
    if (cachedValue !== undefined) return cachedValue;
    const loadedValue = load();
    cache.set(key, loadedValue);
    return loadedValue;
  };
}
