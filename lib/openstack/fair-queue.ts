/** The waiting items of one key, in order. `head` is the index of the next item. */
interface WaitingItems<Item> {
  items: Item[];
  head: number;
}

/** After this many items of a key have been taken, the queue removes them from the key's array. */
const COMPACT_AT = 1024;

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
    const waiting = this.#waitingByKey.get(key);
    if (waiting) waiting.items.push(item);
    else this.#waitingByKey.set(key, { items: [item], head: 0 });
    this.#size += 1;
  }

  /** Takes the first item of the next key, or `undefined` if the queue is empty. */
  takeNext(): Item | undefined {
    const [first] = this.#waitingByKey;
    if (!first) return undefined;
    const [key, waiting] = first;
    const item = waiting.items[waiting.head];
    waiting.head += 1;
    this.#size -= 1;
    this.#waitingByKey.delete(key);
    if (waiting.head >= COMPACT_AT) {
      waiting.items = waiting.items.slice(waiting.head);
      waiting.head = 0;
    }
    if (waiting.head < waiting.items.length) this.#waitingByKey.set(key, waiting);
    return item;
  }
}
