import { redactDeep } from './redaction.ts';

/**
 * What can go wrong, as eight classes; the class alone decides what happens next.
 * `Gone` counts as done · `InProgress`, `Blocked` are looked at again · `Transient` again with
 * back-off ·
 * `Denied` goes to the operator at once · `Unsupported` is skipped · `Poison` to quarantine ·
 * `Unexpected` is retried, then a dead letter.
 */
export const ERROR_CLASSES = [
  'Gone',
  'InProgress',
  'Blocked',
  'Transient',
  'Denied',
  'Unsupported',
  'Poison',
  'Unexpected',
] as const;
export type ErrorClass = (typeof ERROR_CLASSES)[number];

/** Who has to do something before resources go on. `none`: it goes on by itself. */
export type Actor = 'none' | 'operator' | 'customer' | 'other-project';

/**
 * An error as it travels in events and is shown to an operator. Never holds a token, a password or
 * a body.
 */
export interface ErrorReport {
  /** Stable, dotted, for grouping: `nova.http.503`, `keystone.login.denied`. */
  readonly code: string;
  readonly class: ErrorClass;
  readonly message: string;
  /** What the operator can do next, one sentence. */
  readonly advice: string;
  readonly service?: string | undefined;
  readonly region?: string | undefined;
  /**
   * The request id that OpenStack answered with (`x-openstack-request-id`, Swift: `x-trans-id`).
   */
  readonly requestId?: string | undefined;
  readonly status?: number | undefined;
  /** Seconds that the service asked us to wait (`Retry-After`). */
  readonly retryAfterSeconds?: number | undefined;
}

/**
 * The one error that this project throws on purpose: a report without secrets, with the original
 * error as `cause`.
 */
export class PropagatorError extends Error {
  override readonly name = 'PropagatorError';
  readonly report: ErrorReport;
  constructor(report: ErrorReport, options?: { cause?: unknown }) {
    const told = redactDeep(report);
    super(told.message, options);
    this.report = told;
  }
  get class(): ErrorClass {
    return this.report.class;
  }
}

/** Any thrown value as a report; what was not thrown on purpose is `Unexpected`. */
export function reportOf(
  error: unknown,
  fallback: { code: string; service?: string; region?: string },
): ErrorReport {
  if (error instanceof PropagatorError) return error.report;
  const message = redactDeep(
    error instanceof Error ? `${error.name}: ${error.message}` : String(error),
  );
  return {
    ...fallback,
    class: 'Unexpected',
    message,
    advice:
      'This is a defect or an answer that nobody expected: read the log of this operation, then redrive.',
  };
}
