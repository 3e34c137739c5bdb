import * as z from 'zod';
import { ErrorReport } from '../../events/service.ts';
import { PropagatorError } from '../shared/errors.ts';
import { parseJson } from '../shared/json.ts';
import { serverSentEvents } from './server-sent-events.ts';

/**
 * The body of an error that the gateway in front of the API returns: `{"message": "Forbidden"}`.
 */
const GatewayError = z.object({ message: z.string() });
const gatewayMessage = (body: unknown): string => {
  const parsed = GatewayError.safeParse(body);
  return parsed.success ? `: ${parsed.data.message}` : '';
};
const gatewayAdvice = (status: number): string | undefined => {
  if (status === 401 || status === 403)
    return 'On AWS, grant your credentials the permission execute-api:Invoke on this API.';
  // The errors of the API have another form, so API Gateway created this error.
  if (status >= 500)
    return (
      'On AWS, the function of the API failed, for example because the secret with the login to ' +
      'OpenStack is empty. Read its log: aws logs tail /aws/lambda/propagator-STAGE-api'
    );
  return undefined;
};

const ApiError = z.object({
  error: ErrorReport.partial().extend({ code: z.string(), message: z.string() }),
});

/**
 * A client for the API of a running propagator. Throws {@link PropagatorError} if the API answers
 * with an error, or if it does not answer.
 */
export class ApiClient {
  readonly #findBaseUrl: () => Promise<string>;
  readonly #fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** `baseUrl`: the URL of the API, or a function that finds it. */
  constructor(
    baseUrl: string | (() => Promise<string>),
    send: (url: string, init: RequestInit) => Promise<Response> = fetch,
  ) {
    this.#findBaseUrl = async () =>
      (typeof baseUrl === 'string' ? baseUrl : await baseUrl()).replace(/\/$/, '');
    this.#fetch = send;
  }

  /** `path` includes its query. `shape` validates the answer. */
  async get<S extends z.ZodType>(path: string, shape: S): Promise<z.infer<S>> {
    return parseAnswer(shape, path, await this.#fetchJson(path, {}));
  }

  async post<S extends z.ZodType>(path: string, body: unknown, shape: S): Promise<z.infer<S>> {
    const answer = await this.#fetchJson(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return parseAnswer(shape, path, answer);
  }

  async delete<S extends z.ZodType>(path: string, shape: S): Promise<z.infer<S>> {
    return parseAnswer(shape, path, await this.#fetchJson(path, { method: 'DELETE' }));
  }

  /**
   * Yields the data of each server-sent event of `path`, until the event `end` or the end of the
   * connection. A broken connection is not an error, because the caller opens a new stream.
   */
  async *events<S extends z.ZodType>(path: string, shape: S): AsyncGenerator<z.infer<S>> {
    const { answer } = await this.#send(path, { headers: { accept: 'text/event-stream' } });
    const { body } = answer;
    if (!body) return;
    for await (const { event, data } of serverSentEvents(bytesUntilBroken(body))) {
      if (event === 'end') return;
      yield parseAnswer(shape, path, parseJson(data));
    }
  }

  async #fetchJson(path: string, init: RequestInit): Promise<unknown> {
    const { answer, baseUrl } = await this.#send(path, init);
    try {
      return parseJson(await answer.text());
    } catch (cause) {
      throw new PropagatorError(
        {
          code: 'cli.no-answer',
          class: 'Transient',
          message: `the connection to ${baseUrl} broke before the end of the answer`,
          advice: 'The propagator may have carried out the request. See: propagator operation list',
        },
        { cause },
      );
    }
  }

  /** Returns a successful response, and the URL of the API. */
  async #send(
    path: string,
    init: RequestInit,
  ): Promise<{ readonly answer: Response; readonly baseUrl: string }> {
    const baseUrl = await this.#findBaseUrl();
    let answer: Response;
    try {
      answer = await this.#fetch(`${baseUrl}${path}`, init);
    } catch (cause) {
      if (cause instanceof PropagatorError) throw cause;
      const advice =
        'Start the propagator on this machine with `npm start`, or set PROPAGATOR_API_URL to ' +
        'the URL of its API. With the value `catalog`, the command finds the URL in the catalog ' +
        'of Keystone.';
      throw new PropagatorError(
        {
          code: 'cli.no-answer',
          class: 'Transient',
          message: `no propagator answered at ${baseUrl}`,
          advice,
        },
        { cause },
      );
    }
    if (answer.ok) return { answer, baseUrl };
    throw await apiErrorOf(answer);
  }
}

/** Throws `cli.answer` for an answer that does not have the expected shape. */
function parseAnswer<S extends z.ZodType>(shape: S, path: string, answer: unknown): z.infer<S> {
  const parsed = shape.safeParse(answer);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.join('.')}`;
  throw new PropagatorError(
    {
      code: 'cli.answer',
      class: 'Unexpected',
      message: `the answer to ${path} has another form than this release expects${field}`,
      advice:
        'Check that PROPAGATOR_API_URL is the URL of a propagator, and that the propagator and ' +
        'this command have the same release: propagator --version',
    },
    { cause: parsed.error },
  );
}

/** Yields the bytes of a body until its end, or until the connection breaks. */
async function* bytesUntilBroken(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch {
    // `fetch` throws `TypeError: terminated`.
  }
}

/** Returns the error in an answer that is not successful. */
async function apiErrorOf(answer: Response): Promise<PropagatorError> {
  const body: unknown = await answer.json().catch(() => undefined);
  const apiError = ApiError.safeParse(body);
  const { code, message, advice } = apiError.success
    ? apiError.data.error
    : {
        code: `api.http.${answer.status}`,
        message: `HTTP ${answer.status}${gatewayMessage(body)}`,
        advice: gatewayAdvice(answer.status),
      };
  return new PropagatorError({ code, class: 'Unexpected', message, advice: advice ?? '' });
}
