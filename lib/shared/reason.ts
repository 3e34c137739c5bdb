/** The advice when {@link isReason} refuses the reason that a person gave. */
export const REASON_ADVICE = 'write a reason, in words or numbers';

/**
 * True for text with a word or a number. The placeholder `…`, which the propagator prints in
 * commands as `--reason "…"`, is not a reason.
 */
export const isReason = (text: string): boolean => /[\p{L}\p{N}]/u.test(text);
