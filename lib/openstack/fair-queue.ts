/** The waiting items of one key, in order. `head` is the index of the next item. */
interface WaitingItems<Item> {
  items: Item[];
  head: number;
}

/** After this many taken items of a key, they are cut off from the start of its array. */
const COMPACT_AT = 1024;

/**
 * A queue that alternates between keys. `next` takes an item of the key that has waited longest for
 * its turn.
 */
export class FairQueue<Item> {
  /** The key with the next turn comes first: a `Map` keeps the order of insertion. */
  readonly #lines = new Map<string, WaitingItems<Item>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(key: string, item: Item): void {
    const line = this.#lines.get(key);
    if (line) line.items.push(item);
    else this.#lines.set(key, { items: [item], head: 0 });
    this.#size += 1;
  }

  /** Takes the first item of the next key, or `undefined` if the queue is empty. */
  next(): Item | undefined {
    const [first] = this.#lines;
    if (!first) return undefined;
    const [key, line] = first;
    const item = line.items[line.head];
    line.head += 1;
    this.#size -= 1;
    this.#lines.delete(key);
    if (line.head >= COMPACT_AT) {
      line.items = line.items.slice(line.head);
      line.head = 0;
    }
    if (line.head < line.items.length) this.#lines.set(key, line);
    return item;
  }
}
