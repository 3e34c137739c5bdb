/**
 * Returns a function that passes its items to `storeItems`, together with the items of other calls.
 * While `storeItems` runs, the items of new calls are collected for its next call. If `storeItems`
 * fails, all calls whose items it received fail with the same error.
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
