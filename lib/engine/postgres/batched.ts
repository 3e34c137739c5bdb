/**
 * Returns a function that passes its items to `storeItems`, together with the items of other calls.
 * While `storeItems` runs, the items of new calls are collected for its next call. The promise of a
 * call has the same result as the call of `storeItems` that received its items.
 */
export function batchCalls<Item>(
  storeItems: (items: readonly Item[]) => Promise<void>,
): (items: readonly Item[]) => Promise<void> {
  let collectedItems: Item[] = [];
  let nextCall: Promise<void> | undefined;
  let runningCall: Promise<void> = Promise.resolve();
  const storeCollected = (): Promise<void> => {
    const items = collectedItems;
    collectedItems = [];
    nextCall = undefined;
    const result = storeItems(items);
    runningCall = result.catch(() => undefined);
    return result;
  };
  return (items) => {
    collectedItems.push(...items);
    nextCall ??= runningCall.then(storeCollected);
    return nextCall;
  };
}
