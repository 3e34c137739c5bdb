import { isReason, REASON_ADVICE } from '../shared/reason.ts';
import { UsageError } from './terminal.ts';

/** Reads the value of `--reason`. Throws {@link UsageError} for text that is not a reason. */
export function reasonArgument(text: string): string {
  if (isReason(text)) return text;
  throw new UsageError(`--reason ${text}: ${REASON_ADVICE}; nothing was changed`);
}

/**
 * The arguments of commander's `requiredOption` for `--reason`. `place`: where the reason is
 * stored, for the help.
 *
 * @example command.requiredOption(...reasonOption('with the hold'))
 */
export const reasonOption = (place: string) =>
  ['--reason <text>', `the reason; stored ${place}`, reasonArgument] as const;
