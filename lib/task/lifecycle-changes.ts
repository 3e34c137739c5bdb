import pLimit from 'p-limit';
import { type ErrorReport, reportOf } from '../shared/errors.ts';
import type { CommonContext } from './context.ts';
import type { RunControl } from './run-control.ts';

/** The input of {@link makeChanges}. */
export interface ChangesInput extends RunControl {
  readonly context: Pick<CommonContext, 'now' | 'region'>;
  /** The maximum number of changes at the same time. */
  readonly concurrency: number;
}

/** True if the process stops, or the deadline of the run has passed. */
export const mustStop = ({ context, deadline, stopping }: ChangesInput): boolean =>
  stopping?.aborted === true || context.now() >= deadline;

/**
 * Makes the changes of a run that suspends or resumes a service. Returns the errors of the changes,
 * except for resources that have vanished. A change begins only while the run may continue.
 */
export async function makeChanges(
  changes: readonly (() => Promise<void>)[],
  input: ChangesInput,
): Promise<ErrorReport[]> {
  const limit = pLimit(input.concurrency);
  let isStopped = false;
  const makeUnlessStopped = async (
    change: () => Promise<void>,
  ): Promise<ErrorReport | undefined> => {
    if (isStopped || mustStop(input)) return undefined;
    if (!(await input.mayContinue())) {
      isStopped = true;
      return undefined;
    }
    try {
      await change();
      return undefined;
    } catch (thrown) {
      const error = errorOfChange(thrown, input);
      // After a 401 or 403 the service would refuse the other changes, too.
      if (error.class === 'Denied') isStopped = true;
      return error;
    }
  };
  const results = await Promise.all(
    changes.map((change) => limit(() => makeUnlessStopped(change))),
  );
  // A resource that vanished needs no change. The next listing no longer contains it.
  return results.flatMap((error) => (error && error.class !== 'Gone' ? [error] : []));
}

const errorOfChange = (thrown: unknown, { context, service }: ChangesInput): ErrorReport =>
  reportOf(thrown, { code: `${service}.change`, service, region: context.region });
