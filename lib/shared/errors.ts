import { redactDeep } from './redaction.ts';

/**
 * The error classes. `Gone`: the resource does not exist, so its removal is done. `InProgress` and
 * `Blocked`: the resource is checked again. `Transient`: the run is retried with back-off.
 * `Denied`: the operator must act; the task is dead-lettered after the first run without progress.
 * `Unsupported`: the call is not possible in this service; the resource type is skipped, or its
 * resources count as unreachable. `Poison`: this release cannot read the message, which becomes a
 * dead-letter message. `Unexpected`: the run is retried, and then the task is dead-lettered.
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

/** The actor that must act. `none`: no action is needed. */
export type Actor = 'none' | 'operator' | 'customer' | 'other-project';

/** An error for events and operators, without tokens, passwords and bodies. */
export interface ErrorReport {
  /** Stable code with dots, for grouping: `nova.http.503`, `keystone.login.denied`. */
  readonly code: string;
  readonly class: ErrorClass;
  readonly message: string;
  /** What the operator should do next. */
  readonly advice: string;
  readonly service?: string | undefined;
  readonly region?: string | undefined;
  /** OpenStack's request id (`x-openstack-request-id`; Swift: `x-trans-id`). */
  readonly requestId?: string | undefined;
  readonly status?: number | undefined;
  /** Seconds to wait, as the service requested (`Retry-After`). */
  readonly retryAfterSeconds?: number | undefined;
}

/**
 * The error that this project throws for every expected failure. Its report contains no secrets,
 * and `cause` is the original error.
 */
export class PropagatorError extends Error {
  override readonly name = 'PropagatorError';
  readonly report: ErrorReport;
  constructor(report: ErrorReport, options?: { cause?: unknown }) {
    const redacted = redactDeep(report);
    super(redacted.message, options);
    this.report = redacted;
  }
  get class(): ErrorClass {
    return this.report.class;
  }
}

/**
 * Converts any thrown value to a report. An error that is not a {@link PropagatorError} is
 * `Unexpected`.
 */
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
      'The cause is a defect or an unexpected answer. Read the log of this operation, fix the ' +
      'cause, then redrive the dead-letter message.',
  };
}
