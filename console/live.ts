import { type Api, ApiError, parseJson } from './api.ts';
import { type Operation, operationShape } from './shapes.ts';
import { ENDED_STATES } from './states.ts';

/**
 * The state of the shown data. `live`: the data is current. `lost`: the data is old, and the next
 * attempt is at `nextAt`. `ended`: the operation has ended, so its data does not change
 * any more. `stopped`: a person must act before another attempt.
 */
export type Connection =
  | { readonly kind: 'live' }
  | { readonly kind: 'lost'; readonly error: ApiError; readonly nextAt: number }
  | { readonly kind: 'ended' }
  | { readonly kind: 'stopped'; readonly error: ApiError };

export interface LiveDeps<T> {
  readonly api: Api;
  /** Resolves after `millis`, or immediately when the signal aborts. */
  sleep(millis: number, signal: AbortSignal): Promise<void>;
  onData(data: T): void;
  onConnection(connection: Connection): void;
}

/** The server sends a heartbeat every 15 s, so a longer silence is a lost connection. */
const QUIET_MILLIS = 40_000;
const FIRST_WAIT_MILLIS = 1000;
const MAX_WAIT_MILLIS = 30_000;
/** After these failures a person must act, because another attempt would get the same answer. */
const FINAL_FAILURES: readonly string[] = ['token', 'role', 'missing', 'wrong', 'shape'];

/**
 * The wait after this number of failures: 1 s, 2 s, 4 s … 30 s, or longer if the API asks for it.
 */
export const waitMillisAfter = (
  failures: number,
  { waitMillis = 0 }: { waitMillis?: number | undefined },
) => Math.max(waitMillis, Math.min(MAX_WAIT_MILLIS, FIRST_WAIT_MILLIS * 2 ** (failures - 1)));

/** The failures in a row, and the id of the last event that was reported. */
interface StreamPosition {
  failures: number;
  lastId: string | undefined;
}

/**
 * Reports an operation now and after each change, until it ends or the signal aborts. A stream that
 * the server has ended is opened again immediately. A broken connection is opened again after a
 * growing wait. No change is missed, because each event has the whole state.
 */
export async function followOperation(
  id: string,
  deps: LiveDeps<Operation>,
  signal: AbortSignal,
): Promise<void> {
  const position: StreamPosition = { failures: 0, lastId: undefined };
  while (!signal.aborted) {
    try {
      if ((await reportEvents(id, position, deps, signal)) === 'operation ended') return;
      // This pause limits the calls to a server that ends each stream immediately.
      await deps.sleep(FIRST_WAIT_MILLIS / 2, signal);
    } catch (thrown) {
      position.failures += 1;
      if ((await waitAfterFailure(thrown, position.failures, deps, signal)) === 'stopped') return;
    }
  }
}

/** Reports each event of one stream until the stream or the operation has ended. */
async function reportEvents(
  id: string,
  position: StreamPosition,
  { api, onData, onConnection }: LiveDeps<Operation>,
  signal: AbortSignal,
): Promise<'operation ended' | 'stream ended'> {
  const path = `/v1/operations/${encodeURIComponent(id)}/events`;
  for await (const event of api.events(path, position.lastId, signal, QUIET_MILLIS)) {
    if (event.event === 'end') {
      onConnection({ kind: 'ended' });
      return 'operation ended';
    }
    const data = api.checkShape(parseJson(event.data), operationShape);
    position.failures = 0;
    position.lastId = event.id;
    onData(data);
    onConnection({ kind: 'live' });
    if (ENDED_STATES.includes(data.operation.state)) {
      onConnection({ kind: 'ended' });
      return 'operation ended';
    }
  }
  return 'stream ended';
}

/**
 * Calls `load` now and every `everyMillis`, until the signal aborts. The wait after a failure is
 * that of {@link followOperation}.
 */
export async function poll<T>(
  load: () => Promise<T>,
  everyMillis: number,
  deps: LiveDeps<T>,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    try {
      const data = await load();
      if (signal.aborted) return;
      failures = 0;
      deps.onData(data);
      deps.onConnection({ kind: 'live' });
      await deps.sleep(everyMillis, signal);
    } catch (thrown) {
      failures += 1;
      if ((await waitAfterFailure(thrown, failures, deps, signal)) === 'stopped') return;
    }
  }
}

/**
 * Reports a failed attempt and waits until the next one. Returns `stopped` without a wait if the
 * signal has aborted, or if a person must act first.
 */
async function waitAfterFailure(
  thrown: unknown,
  failures: number,
  { api, sleep, onConnection }: Omit<LiveDeps<never>, 'onData'>,
  signal: AbortSignal,
): Promise<'stopped' | 'waited'> {
  if (signal.aborted) return 'stopped';
  const error = apiErrorOf(thrown);
  if (FINAL_FAILURES.includes(error.kind)) {
    onConnection({ kind: 'stopped', error });
    return 'stopped';
  }
  const wait = waitMillisAfter(failures, error);
  onConnection({ kind: 'lost', error, nextAt: api.now() + wait });
  await sleep(wait, signal);
  return 'waited';
}

/**
 * Returns the thrown error of the API. Any other error is a defect of the console: it is shown, and
 * no further attempt follows.
 */
const apiErrorOf = (thrown: unknown): ApiError =>
  thrown instanceof ApiError
    ? thrown
    : new ApiError(
        'shape',
        `The console failed: ${thrown instanceof Error ? thrown.message : String(thrown)}.`,
        'Reload this page. If the message stays, use the commands: propagator status',
      );
