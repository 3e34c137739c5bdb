import { PropagatorError } from '../errors.ts';

/** An error of the engine itself: the store, its folder, its schema, its queues. */
export function engineError(code: string, message: string, advice: string, cause?: unknown): PropagatorError {
  return new PropagatorError({ code: `engine.${code}`, class: 'Unexpected', message, advice }, cause === undefined ? undefined : { cause });
}
