import { setTimeout as delay } from 'node:timers/promises';
import { PropagatorError } from '../shared/errors.ts';
import type { SilenceWatch } from '../task/service.ts';

/** The maximum time in which an API gives no complete answer while the resources are counted. */
export const MAX_SILENCE_MILLIS = 20_000;

/**
 * Runs `work`, whose API calls must report each complete answer to the watch. If no complete answer
 * arrives for `silenceMillis`, the function aborts all open calls and throws an error of class
 * `Transient`. The API of `service` then hangs, or sends its answer byte by byte.
 */
export async function withSilenceLimit<T>(
  service: string,
  silenceMillis: number,
  work: (watch: SilenceWatch) => Promise<T>,
): Promise<T> {
  const workEnded = new AbortController();
  const silenceAbort = new AbortController();
  let answerCount = 0;
  const abortAfterSilence = async (): Promise<never> => {
    let answersBefore: number;
    do {
      answersBefore = answerCount;
      await delay(silenceMillis, undefined, { signal: workEnded.signal });
    } while (answerCount !== answersBefore);
    const error = new PropagatorError({
      code: `${service}.slow`,
      class: 'Transient',
      service,
      message:
        `${service} gave no complete answer within ${Math.round(silenceMillis / 1000)} s, so ` +
        'its resources are not counted in this run',
      advice:
        'The operation continues without this count and retries it. Find out why the API of ' +
        `${service} hangs or is so slow.`,
    });
    silenceAbort.abort(error);
    throw error;
  };
  const watch: SilenceWatch = {
    signal: silenceAbort.signal,
    answered: () => {
      answerCount += 1;
    },
  };
  return Promise.race([work(watch), abortAfterSilence()]).finally(() => workEnded.abort());
}
