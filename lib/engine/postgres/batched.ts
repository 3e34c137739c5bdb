/**
 * Returns a function that passes its items to `store`, together with the items of other calls.
 * While `store` runs, the items of new calls are collected for its next call. The promise of a call
 * has the same result as the call of `store` that received its items.
 */
export function batchCalls<Item>(
  store: (items: readonly Item[]) => Promise<void>,
): (items: readonly Item[]) => Promise<void> {
  let collected: Item[] = [];
  let nextStore: Promise<void> | undefined;
  let runningStore: Promise<void> = Promise.resolve();
  const storeCollected = (): Promise<void> => {
    const items = collected;
    collected = [];
    nextStore = undefined;
    const result = store(items);
    runningStore = result.catch(() => undefined);
    return result;
  };
  return (items) => {
    collected.push(...items);
    nextStore ??= runningStore.then(storeCollected);
    return nextStore;
  };
}
