import { describe, expect, it } from '@jest/globals';
import { batchCalls } from '../../../lib/engine/postgres/batched.ts';

/** A store whose calls end one after the other, each when the test says so. */
class HeldStore {
  readonly calls: (readonly string[])[] = [];
  readonly #ends: { resolve: () => void; reject: (error: Error) => void }[] = [];
  readonly store = (items: readonly string[]): Promise<void> => {
    this.calls.push(items);
    return new Promise((resolve, reject) => this.#ends.push({ resolve, reject }));
  };
  async endNext(error?: Error): Promise<void> {
    const end = this.#ends.shift();
    if (error) end?.reject(error);
    else end?.resolve();
    await settle();
  }
}
/** Lets all promises that can settle do so. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a batched function', () => {
  it('stores the items of the calls during a store in one further store', async () => {
    const held = new HeldStore();
    const complete = batchCalls(held.store);
    const ended: string[] = [];
    const completeBoth = async (id: string): Promise<void> => {
      await complete([id, `${id}2`]);
      ended.push(id);
    };
    const first = completeBoth('a');
    await settle();
    const all = Promise.all([first, completeBoth('b'), completeBoth('c')]);
    await settle();
    expect(held.calls).toEqual([['a', 'a2']]);
    await held.endNext();
    expect(ended).toEqual(['a']);
    expect(held.calls).toEqual([
      ['a', 'a2'],
      ['b', 'b2', 'c', 'c2'],
    ]);
    await held.endNext();
    await all;
    expect(ended).toEqual(['a', 'b', 'c']);
  });

  it('fails the calls of a failed store, and stores the items of the next calls', async () => {
    const held = new HeldStore();
    const complete = batchCalls(held.store);
    const first = complete(['a']);
    const failure = expect(first).rejects.toThrow('the disk is full');
    await settle();
    const second = complete(['b']);
    await held.endNext(new Error('the disk is full'));
    await failure;
    expect(held.calls).toEqual([['a'], ['b']]);
    await held.endNext();
    await expect(second).resolves.toBeUndefined();
  });
});
