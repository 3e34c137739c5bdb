type Stop = () => Promise<unknown> | unknown;

/**
 * What a start has opened so far, so that a failure in the middle of it leaves nothing behind.
 */
export class Teardown {
  readonly #stops: Stop[] = [];

  add(stop: Stop): void {
    this.#stops.push(stop);
  }

  /** Stops the newest first. A stop that fails does not keep the others from being called. */
  async run(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse())
      await Promise.resolve()
        .then(stop)
        .catch(() => undefined);
  }
}

/**
 * Runs a start; when it throws, stops what it had registered until then and throws the same error.
 */
export async function startOrUndo<T>(start: (undo: Teardown) => Promise<T>): Promise<T> {
  const undo = new Teardown();
  try {
    return await start(undo);
  } catch (thrown) {
    await undo.run();
    throw thrown;
  }
}
