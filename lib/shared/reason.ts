/** What is said about a reason that {@link isReason} refuses. */
export const REASON_ADVICE = 'write a reason, with letters or digits';

/**
 * True for text with at least one letter or digit. The placeholder `…` of a command that the
 * propagator prints is not a reason.
 */
export const isReason = (text: string): boolean => /[\p{L}\p{N}]/u.test(text);
