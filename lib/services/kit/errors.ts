import { PropagatorError } from '../../shared/errors.ts';

/** Returns true if a service answered with one of these HTTP statuses. */
export const hasStatus = (error: unknown, ...statuses: number[]): error is PropagatorError =>
  error instanceof PropagatorError && statuses.includes(error.report.status ?? 0);
