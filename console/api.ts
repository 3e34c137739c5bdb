import { ShapeError } from './shapes.ts';
import { type ServerSentEvent, serverSentEvents } from './stream.ts';

/**
 * The kinds of failed calls. `token`: the token is missing or refused. `role`: the roles of the
 * token are not sufficient. `missing`: the API has no row or route for the path. `wrong`: the
 * request is wrong. `shape`: the answer has an unknown form. `unreachable`: no answer, or a broken
 * connection. `busy`: the API asks the console to wait. `failed`: any other answer.
 */
export type Failure =
  | 'token'
  | 'role'
  | 'missing'
  | 'wrong'
  | 'shape'
  | 'unreachable'
  | 'busy'
  | 'failed';

/** A failed call, with advice for the person. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly kind: Failure;
  readonly advice: string;
  /** The wait in milliseconds that the API asks for. */
  readonly waitMillis: number | undefined;
  constructor(kind: Failure, message: string, advice: string, waitMillis?: number) {
    super(message);
    this.kind = kind;
    this.advice = advice;
    this.waitMillis = waitMillis;
  }
}

/** The functions of a browser that call the API. */
export interface ApiPort {
  fetch(path: string, init: RequestInit): Promise<Response>;
  /** A signal that aborts after `millis`. */
  timeout(millis: number): AbortSignal;
  /** The token of this tab, if there is one. */
  token(): string | undefined;
  /** Epoch milliseconds of this machine. */
  now(): number;
}

const FAILURES: Readonly<Record<number, Failure>> = {
  401: 'token',
  403: 'role',
  404: 'missing',
  408: 'busy',
  429: 'busy',
  503: 'busy',
};
const failureOf = (status: number): Failure =>
  FAILURES[status] ?? (status >= 400 && status < 500 ? 'wrong' : 'failed');
/** The advice for an answer without advice. */
const ADVICE: Readonly<Partial<Record<Failure, string>>> = {
  token: 'Log in again.',
  role: 'Log in with a token of a role that may read this: reader, operator or admin.',
  missing: 'Check the id. All operations: propagator operation list',
  wrong: 'Correct the address of this page, or go to the overview.',
  busy: 'The console tries again.',
};
/** A stopped or overloaded propagator may accept a connection and never answer. */
const ANSWER_TIMEOUT_MILLIS = 20_000;
/**
 * A smaller difference of the clocks is ignored. The duration of the call and the resolution of the
 * header `date` alone cause a difference of up to this size.
 */
const MIN_SKEW_MILLIS = 2000;

/** Reads the API of the propagator that served this page, with GET requests only. */
export class Api {
  readonly #port: ApiPort;
  #skewMillis = 0;
  constructor(port: ApiPort) {
    this.#port = port;
  }

  /**
   * The time of the propagator, so that ages are right even if the clock of this machine is wrong.
   */
  now(): number {
    return this.#port.now() + this.#skewMillis;
  }

  /**
   * Reads one answer with GET. `check` validates the answer and returns it with its type. Throws
   * {@link ApiError}.
   */
  async get<T>(path: string, check: (value: unknown) => T, signal: AbortSignal): Promise<T> {
    const text = await this.#withTimeout(signal, async (limitedSignal) => {
      const answer = await this.#send(path, 'application/json', {}, limitedSignal);
      return answer.text().catch(() => {
        throw unreachable();
      });
    });
    return this.checkShape(parseJson(text), check);
  }

  /**
   * Reads server-sent events until the stream ends. Throws {@link ApiError} also after
   * `quietMillis` without traffic.
   */
  async *events(
    path: string,
    lastId: string | undefined,
    signal: AbortSignal,
    quietMillis: number,
  ): AsyncGenerator<ServerSentEvent> {
    const headers: Record<string, string> = lastId === undefined ? {} : { 'last-event-id': lastId };
    const answer = await this.#withTimeout(signal, (limitedSignal) =>
      this.#send(path, 'text/event-stream', headers, limitedSignal),
    );
    if (!answer.body) return;
    try {
      yield* serverSentEvents(answer.body, quietMillis);
    } catch {
      throw unreachable();
    }
  }

  /** Checks the shape of a value of the API. Throws {@link ApiError} for an unknown shape. */
  checkShape<T>(value: unknown, check: (value: unknown) => T): T {
    try {
      return check(value);
    } catch (thrown) {
      if (!(thrown instanceof ShapeError)) throw thrown;
      throw new ApiError(
        'shape',
        `The console cannot read the answer of the API: ${thrown.message}.`,
        'The console and the propagator have different releases. Reload this page. If the ' +
          'message stays, use the commands, for example: propagator status',
      );
    }
  }

  /** Calls `work` with a signal that also aborts after the time-out. */
  async #withTimeout<T>(
    signal: AbortSignal,
    work: (limitedSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const timedOut = new AbortController();
    const timeout = this.#port.timeout(ANSWER_TIMEOUT_MILLIS);
    const stop = () => timedOut.abort();
    timeout.addEventListener('abort', stop);
    try {
      return await work(AbortSignal.any([signal, timedOut.signal]));
    } finally {
      timeout.removeEventListener('abort', stop);
    }
  }

  async #send(
    path: string,
    accept: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Response> {
    const token = this.#port.token();
    let answer: Response;
    try {
      answer = await this.#port.fetch(path, {
        headers: { accept, ...headers, ...(token === undefined ? {} : { 'x-auth-token': token }) },
        cache: 'no-store',
        credentials: 'omit',
        redirect: 'error',
        signal,
      });
    } catch {
      throw unreachable();
    }
    const date = Date.parse(answer.headers.get('date') ?? '');
    if (Number.isFinite(date)) {
      const skew = date - this.#port.now();
      this.#skewMillis = Math.abs(skew) < MIN_SKEW_MILLIS ? 0 : skew;
    }
    if (answer.ok) return answer;
    throw await errorOf(answer);
  }
}

const unreachable = (): ApiError =>
  new ApiError(
    'unreachable',
    'The propagator does not answer.',
    'Check it: propagator status. To start it on this machine: npm start',
  );

async function errorOf(answer: Response): Promise<ApiError> {
  const body: unknown = await answer.json().catch(() => undefined);
  const field = (value: unknown, name: string): unknown =>
    typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  const text = (name: string): string | undefined => {
    const value = field(field(body, 'error'), name);
    return typeof value === 'string' ? value : undefined;
  };
  const seconds = Number(answer.headers.get('retry-after'));
  const kind = failureOf(answer.status);
  return new ApiError(
    kind,
    text('message') ?? `The API answered with the status ${answer.status}.`,
    text('advice') ?? ADVICE[kind] ?? 'Read the log of the propagator.',
    seconds > 0 ? seconds * 1000 : undefined,
  );
}

/** The value of a JSON text; `undefined` for any other text. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
