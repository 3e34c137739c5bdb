import { PropagatorError } from '../../shared/errors.ts';

/** Returns true if a service answered with one of these HTTP statuses. */
export const hasStatus = (error: unknown, ...statuses: number[]): error is PropagatorError =>
  error instanceof PropagatorError && statuses.includes(error.report.status ?? 0);

/** Awaits a call. If the service answers 403, throws the same error with this advice. */
export async function withAdviceOn403<T>(call: Promise<T>, advice: string): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!hasStatus(error, 403)) throw error;
    throw new PropagatorError({ ...error.report, advice }, { cause: error });
  }
}
