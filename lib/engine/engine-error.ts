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
    'This process is ending. Another process receives the message.',
  );

/**
 * The error of a listing while another listing of the dead-letter messages is running. The list
 * would be partial, and must not appear complete.
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
  message: 'A message on the queue has a form that this release cannot read.',
  advice:
    'An older release may have replaced a newer release. Start the newer release, then redrive.',
}).report;
