import { PropagatorError } from '../shared/errors.ts';
import type { ApiClient } from './client.ts';
import { hasEnded } from './exit-code.ts';
import { OperationShape } from './shapes.ts';

const POLL_MILLIS = 2000;
/** The pause before a new stream, so that a proxy that cuts each stream causes no fast loop. */
const REOPEN_MILLIS = 500;
/** After this number of failed attempts in a row, {@link followOperation} throws the error. */
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
  deps: FollowOperationDeps,
): AsyncGenerator<OperationShape> {
  let previousText = '';
  for await (const state of readStatesRepeatedly(id, deps)) {
    const text = JSON.stringify(state);
    if (text !== previousText) yield state;
    previousText = text;
    if (hasEnded(state)) return;
  }
}

/**
 * Reads the states of an operation again and again, and yields each state. The caller must end the
 * loop.
 */
async function* readStatesRepeatedly(
  id: string,
  { client, sleep }: FollowOperationDeps,
): AsyncGenerator<OperationShape> {
  const reader = new StateReader(client, `/v1/operations/${encodeURIComponent(id)}`);
  for (;;) {
    try {
      yield* reader.readInOneAttempt();
    } catch (thrown) {
      reader.countFailedAttempt();
      if (!reader.mayBeRestart(thrown)) throw thrown;
    }
    await sleep(reader.pauseMillis);
  }
}

/** Reads the states of an operation in attempts, and counts the attempts that failed. */
class StateReader {
  readonly #client: FollowOperationDeps['client'];
  readonly #path: string;
  #isStreaming = true;
  /** True if any attempt has read a state. */
  #hasReadAnyState = false;
  /** True if the last attempt has read a state. */
  #hasReadInLastAttempt = false;
  /** The number of attempts that failed since the last state. */
  #failedAttempts = 0;

  constructor(client: FollowOperationDeps['client'], path: string) {
    this.#client = client;
    this.#path = path;
  }

  /** Makes one attempt: yields the states of one stream, or the present state. */
  async *readInOneAttempt(): AsyncGenerator<OperationShape> {
    this.#hasReadInLastAttempt = false;
    for await (const state of this.#readStates()) {
      this.#hasReadInLastAttempt = true;
      this.#hasReadAnyState = true;
      this.#failedAttempts = 0;
      yield state;
    }
  }

  async *#readStates(): AsyncGenerator<OperationShape> {
    if (this.#isStreaming) {
      try {
        return yield* this.#client.events(`${this.#path}/events`, OperationShape);
      } catch (thrown) {
        if (!NO_STREAM_CODES.includes(codeOf(thrown))) throw thrown;
        this.#isStreaming = false;
      }
    }
    yield await this.#client.get(this.#path, OperationShape);
  }

  countFailedAttempt(): void {
    this.#failedAttempts += 1;
  }

  /** True if the error of the last attempt may come from a restart of the propagator. */
  mayBeRestart(thrown: unknown): boolean {
    if (!this.#hasReadAnyState || this.#failedAttempts >= MAX_FAILED_ATTEMPTS) return false;
    return RESTART_CODES.includes(codeOf(thrown));
  }

  /** The pause before the next attempt. */
  get pauseMillis(): number {
    return this.#isStreaming && this.#hasReadInLastAttempt ? REOPEN_MILLIS : POLL_MILLIS;
  }
}

const codeOf = (thrown: unknown): string =>
  thrown instanceof PropagatorError ? thrown.report.code : '';

/**
 * The error codes of an API that does not stream, because it runs on AWS, already has too many
 * streams, or is of an earlier release.
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
