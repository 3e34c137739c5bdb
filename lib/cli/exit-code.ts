import { ENDED_OPERATION_STATES } from '../operation/model.ts';
import type { OperationShape } from './shapes.ts';
import { EXIT } from './terminal.ts';

/** True for a state of an operation after which no further change follows. */
export const isEndState = (state: string): boolean =>
  ENDED_OPERATION_STATES.some((ended) => ended === state);

/** True if no further change of the operation will follow. */
export const hasEnded = ({ operation }: OperationShape): boolean => isEndState(operation.state);

/** The states with the exit code `EXIT.unverified`. */
const UNVERIFIED_EXIT_STATES = ['unverified', 'refused', 'superseded', 'canceled', 'held'];
/** The exit codes of {@link exitCodeOf} except 0, as text for the help. */
export const OPERATION_EXIT_CODES_TEXT =
  `3 the operation is ${UNVERIFIED_EXIT_STATES.join(', ')};\n` +
  '4 the operation waits for a decision about a dead letter; 5 the operation has not ended';

/** Returns the exit code of a command that shows or follows the operation. */
export function exitCodeOf({ operation, waitsOn }: OperationShape): number {
  if (operation.state === 'finished' || operation.state === 'observed') return EXIT.done;
  if (waitsOn.some(({ deadLetter }) => deadLetter)) return EXIT.deadLetter;
  return UNVERIFIED_EXIT_STATES.includes(operation.state) ? EXIT.unverified : EXIT.running;
}
