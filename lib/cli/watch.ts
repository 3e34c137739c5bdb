import { PropagatorError } from '../shared/errors.ts';
import type { ApiClient } from './client.ts';
import { hasEnded } from './exit-code.ts';
import { OperationShape } from './shapes.ts';

const POLL_MILLIS = 2000;
/** The pause before a new stream, so that a proxy that cuts each stream causes no fast loop. */
const REOPEN_MILLIS = 500;
/** After this number of failed attempts in a row, the propagator does not count as restarting. */
const MAX_FAILED_ATTEMPTS = 30;

/** The dependencies of {@link followOperation}. */
export interface FollowOperationDeps {
  readonly client: Pick<ApiClient, 'get' | 'events'>;
  sleep(millis: number): Promise<void>;
}

/**
 * Yields an operation now and after each change, until the operation has ended. The states come
 * from server-sent events. When a stream ends before the operation, a new one is opened. If the API
 * cannot stream (on AWS) or serves too many streams, the operation is read in intervals. If the API
 * does not answer after the first state, for example during a restart, this function tries again
 * for a minute.
 */
export async function* followOperation(
  id: string,
  { client, sleep }: FollowOperationDeps,
): AsyncGenerator<OperationShape> {
  const path = `/v1/operations/${encodeURIComponent(id)}`;
  let isStreaming = true;
  let previousText = '';
  let failedAttempts = 0;
  for (;;) {
    let hasState = false;
    const states = isStreaming ? client.events(`${path}/events`, OperationShape) : undefined;
    try {
      for await (const state of states ?? [await client.get(path, OperationShape)]) {
        hasState = true;
        failedAttempts = 0;
        const text = JSON.stringify(state);
        if (text !== previousText) yield state;
        previousText = text;
        if (hasEnded(state)) return;
      }
    } catch (thrown) {
      const code = thrown instanceof PropagatorError ? thrown.report.code : '';
      if (isStreaming && NO_STREAM_CODES.includes(code)) {
        isStreaming = false;
        continue;
      }
      failedAttempts += 1;
      const mayRestart = previousText !== '' && failedAttempts < MAX_FAILED_ATTEMPTS;
      if (!mayRestart || !RESTART_CODES.includes(code)) throw thrown;
    }
    await sleep(isStreaming && hasState ? REOPEN_MILLIS : POLL_MILLIS);
  }
}

/**
 * The error codes of an API that does not stream: on AWS, with too many streams, or of an earlier
 * release.
 */
const NO_STREAM_CODES: readonly string[] = ['api.stream', 'api.streams', 'api.path', 'api.input'];

/** The error codes during a restart of the API, also behind a proxy. */
const RESTART_CODES: readonly string[] = [
  'cli.no-answer',
  'api.starting',
  'api.http.502',
  'api.http.503',
  'api.http.504',
];
