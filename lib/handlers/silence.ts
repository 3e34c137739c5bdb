import { setTimeout as delay } from 'node:timers/promises';
import { PropagatorError } from '../shared/errors.ts';
import type { Watch } from '../task/service.ts';

/** The longest time without a complete answer of an API during a count. */
export const MAX_SILENCE_MILLIS = 20_000;

/**
 * Runs `work`. If the API of `service` gives no complete answer within `silenceMillis`, all open
 * calls are aborted, and the function throws class `Transient`. An API without a complete answer
 * hangs, or sends its answer byte by byte.
 */
export async function unlessSilent<T>(
  service: string,
  silenceMillis: number,
  work: (watch: Watch) => Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  const tooLong = new AbortController();
  let answers = 0;
  const silence = async (): Promise<never> => {
    for (let seen = -1; seen !== answers; ) {
      seen = answers;
      await delay(silenceMillis, undefined, { signal: ended.signal });
    }
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
    tooLong.abort(error);
    throw error;
  };
  const watch: Watch = {
    signal: tooLong.signal,
    answered: () => {
      answers += 1;
    },
  };
  return Promise.race([work(watch), silence()]).finally(() => ended.abort());
}
