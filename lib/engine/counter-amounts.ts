import { engineError } from './engine-error.ts';

/** Throws `engine.counter` for an amount that is not an integer. */
export function checkCounterAmounts(amounts: Readonly<Record<string, number>>): void {
  for (const [name, amount] of Object.entries(amounts))
    if (!Number.isSafeInteger(amount))
      throw engineError(
        'counter',
        `The amount ${amount} cannot be added to the counter ${name}.`,
        'Report this defect of the propagator: a counter adds only integers.',
      );
}
