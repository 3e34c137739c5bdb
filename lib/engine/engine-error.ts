import { PropagatorError } from '../shared/errors.ts';

/** An error of the engine itself: the store, its folder, its schema, its queues. */
export function engineError(
  code: string,
  message: string,
  advice: string,
  cause?: unknown,
): PropagatorError {
  return new PropagatorError(
    { code: `engine.${code}`, class: 'Unexpected', message, advice },
    cause === undefined ? undefined : { cause },
  );
}

/**
 * Somebody else looks at the dead letters this moment, and a part of them must not pass for the
 * whole.
 */
export const LETTERS_BUSY = 'dead-letters.busy';
export const areLettersBusy = (thrown: unknown): boolean =>
  thrown instanceof PropagatorError && thrown.report.code === `engine.${LETTERS_BUSY}`;

/**
 * Of a message in a form that this release does not know: it is given up like one on which its
 * function died.
 */
export const UNREADABLE = new PropagatorError({
  code: 'engine.message.unreadable',
  class: 'Poison',
  message: 'A message on the queue has a form that this release does not know.',
  advice: 'Was an older release started after a newer one? Start the newer one and redrive.',
}).report;
