type Stop = () => Promise<unknown> | unknown;

/** Registers what a start has opened, so that a failed start closes all of it. */
export class Teardown {
  readonly #stops: Stop[] = [];

  add(stop: Stop): void {
    this.#stops.push(stop);
  }

  /** Stops the newest first. A stop that fails does not prevent the others. */
  async run(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse())
      await Promise.resolve()
        .then(stop)
        .catch(() => undefined);
  }
}

/**
 * Runs a start. If it throws, stops everything that it had registered and throws the same error.
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
