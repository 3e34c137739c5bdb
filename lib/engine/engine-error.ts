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
 * The code of the error if a second process lists the dead-letter messages at the same time. Each
 * of two concurrent listings would receive only some of the messages.
 */
export const DEAD_LETTERS_BUSY = 'dead-letters.busy';
export const isDeadLettersBusyError = (thrown: unknown): boolean =>
  thrown instanceof PropagatorError && thrown.report.code === `engine.${DEAD_LETTERS_BUSY}`;

/**
 * The report for a message that this release cannot read. Each delivery of the message fails, so
 * the message becomes a dead-letter message after its last delivery.
 */
export const UNREADABLE_MESSAGE = new PropagatorError({
  code: 'engine.message.unreadable',
  class: 'Poison',
  message: 'A message on the queue has a form that this release cannot read.',
  advice:
    'An older release may have replaced a newer release. Start the newer release, then redrive.',
}).report;
