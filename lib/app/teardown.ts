type StopFunction = () => Promise<unknown> | unknown;

/** Collects the functions that stop the parts of a start. A failed start calls them. */
export class Teardown {
  readonly #stopFunctions: StopFunction[] = [];

  add(stop: StopFunction): void {
    this.#stopFunctions.push(stop);
  }

  /**
   * Stops the newest part first. If a part cannot be stopped, the other parts are still stopped.
   */
  async stopAll(): Promise<void> {
    for (const stop of this.#stopFunctions.splice(0).reverse())
      await Promise.resolve()
        .then(stop)
        .catch(() => undefined);
  }
}

/** Runs a start. If it throws, stops all registered parts and throws the same error. */
export async function startOrUndo<T>(start: (teardown: Teardown) => Promise<T>): Promise<T> {
  const teardown = new Teardown();
  try {
    return await start(teardown);
  } catch (thrown) {
    await teardown.stopAll();
    throw thrown;
  }
}
