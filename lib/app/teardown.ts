type Stop = () => Promise<unknown> | unknown;

/** Registers the parts that a start has opened, so that a failed start closes them. */
export class Teardown {
  readonly #stops: Stop[] = [];

  add(stop: Stop): void {
    this.#stops.push(stop);
  }

  /** Stops the newest part first. If one stop fails, the others still run. */
  async run(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse())
      await Promise.resolve()
        .then(stop)
        .catch(() => undefined);
  }
}

/** Runs a start. If it throws, stops all registered parts and throws the same error. */
export async function startOrUndo<T>(start: (undo: Teardown) => Promise<T>): Promise<T> {
  const undo = new Teardown();
  try {
    return await start(undo);
  } catch (thrown) {
    await undo.run();
    throw thrown;
  }
}
