import type { CommonContext } from './context.ts';

/**
 * Returns a `memoize` function with an empty cache. Each iteration needs a new cache, because a
 * shared answer must not be older than the iteration.
 */
export function createMemoize(): CommonContext['memoize'] {
  const loadedValues = new Map<string, Promise<unknown>>();
  return <T>(key: string, load: () => Promise<T>): Promise<T> => {
    const known = loadedValues.get(key) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const answer = load();
    loadedValues.set(key, answer);
    return answer;
  };
}
