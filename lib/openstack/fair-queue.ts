/** The waiting items of one key, in order. `head` is the index of the next item. */
interface WaitingItems<Item> {
  items: Item[];
  head: number;
}

/** After this many items of a key have been taken, the queue removes them from the key's array. */
const COMPACT_AFTER_ITEMS = 1024;

/**
 * A queue that alternates between keys. `takeNext` takes an item of the key that has waited longest
 * for its turn.
 */
export class FairQueue<Item> {
  /** The key with the next turn comes first: a `Map` keeps the order of insertion. */
  readonly #waitingByKey = new Map<string, WaitingItems<Item>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(key: string, item: Item): void {
    const waitingItems = this.#waitingByKey.get(key);
    if (waitingItems) waitingItems.items.push(item);
    else this.#waitingByKey.set(key, { items: [item], head: 0 });
    this.#size += 1;
  }

  /** Takes the first item of the next key, or `undefined` if the queue is empty. */
  takeNext(): Item | undefined {
    const [firstEntry] = this.#waitingByKey;
    if (!firstEntry) return undefined;
    const [key, waitingItems] = firstEntry;
    const item = waitingItems.items[waitingItems.head];
    waitingItems.head += 1;
    this.#size -= 1;
    this.#waitingByKey.delete(key);
    if (waitingItems.head >= COMPACT_AFTER_ITEMS) {
      waitingItems.items = waitingItems.items.slice(waitingItems.head);
      waitingItems.head = 0;
    }
    if (waitingItems.head < waitingItems.items.length) this.#waitingByKey.set(key, waitingItems);
    return item;
  }
}
