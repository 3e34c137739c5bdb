import { PropagatorError } from '../errors.ts';

/** An error of the engine itself: the store, its folder, its schema, its queues. */
export function engineError(code: string, message: string, advice: string, cause?: unknown): PropagatorError {
  return new PropagatorError({ code: `engine.${code}`, class: 'Unexpected', message, advice }, cause === undefined ? undefined : { cause });
}

/** Somebody else looks at the dead letters this moment, and a part of them must not pass for the whole. */
export const LETTERS_BUSY = 'dead-letters.busy';
export const areLettersBusy = (thrown: unknown): boolean =>
  thrown instanceof PropagatorError && thrown.report.code === `engine.${LETTERS_BUSY}`;
