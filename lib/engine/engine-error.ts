import { PropagatorError } from '../shared/errors.ts';

/** An error of the engine itself: its store, data folder, schema or queues. */
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

/** The error of a call after {@link Engine.close}. */
export const closedError = (): PropagatorError =>
  engineError(
    'closed',
    'The engine is closed.',
    'This process is ending. The message is delivered again to another process.',
  );

/**
 * Another listing of the dead-letter messages is running. The engine throws this, because a partial
 * list must not appear complete.
 */
export const DEAD_LETTERS_BUSY = 'dead-letters.busy';
export const areDeadLettersBusy = (thrown: unknown): boolean =>
  thrown instanceof PropagatorError && thrown.report.code === `engine.${DEAD_LETTERS_BUSY}`;

/**
 * The error for a message that this release cannot read. After its last delivery the message
 * becomes a dead-letter message.
 */
export const UNREADABLE = new PropagatorError({
  code: 'engine.message.unreadable',
  class: 'Poison',
  message: 'A message on the queue has a form that this release does not know.',
  advice: 'An older release may have replaced a newer one. Start the newer release, then redrive.',
}).report;
