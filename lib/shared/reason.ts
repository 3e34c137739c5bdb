/** The advice for a reason that {@link isReason} refuses. */
export const REASON_ADVICE = 'write a reason, in words or numbers';

/**
 * True for text with a word or a number. The placeholder `…` of a command that the
 * propagator prints is not a reason.
 */
export const isReason = (text: string): boolean => /[\p{L}\p{N}]/u.test(text);
