import { ENDED } from '../operation/model.ts';
import type { OperationShape } from './shapes.ts';
import { EXIT } from './terminal.ts';

/** True if no further change of the operation will follow. */
export const hasEnded = ({ operation }: OperationShape): boolean =>
  ENDED.some((state) => state === operation.state);

/** The exit code of the commands that show or follow an operation, for this state. */
export function exitCodeOf({ operation, waitsOn }: OperationShape): number {
  if (operation.state === 'finished' || operation.state === 'observed') return EXIT.done;
  if (waitsOn.some(({ deadLetter }) => deadLetter)) return EXIT.deadLetter;
  return ['refused', 'unverified', 'held', 'superseded', 'canceled'].includes(operation.state)
    ? EXIT.unproven
    : EXIT.running;
}
