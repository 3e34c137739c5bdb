import * as z from 'zod';
import { ErrorReport } from '../../events/service.ts';
import { PropagatorError } from '../shared/errors.ts';

/** An error of the gateway before the API: `{"message": "Forbidden"}`. */
const Gateway = z.object({ message: z.string() });
const wordOf = (body: unknown): string => {
  const said = Gateway.safeParse(body);
  return said.success ? `: ${said.data.message}` : '';
};
const adviceFor = (status: number): string | undefined => {
  if (status === 401 || status === 403)
    return 'On AWS your credentials need the right execute-api:Invoke on this API.';
  // The API answers with an error body of its own, so this one is from the gateway.
  if (status >= 500)
    return 'On AWS: the function dies, while the secret is empty, for example. Its log says why: aws logs tail /aws/lambda/propagator-STAGE-api';
  return undefined;
};

const Refusal = z.object({
  error: ErrorReport.partial().extend({ code: z.string(), message: z.string() }),
});

/**
 * A client of a running propagator's API. Throws {@link PropagatorError} with the API's error, or
 * when there is no response.
 */
export class ApiClient {
  readonly #base: string;
  readonly #fetch: (url: string, init: RequestInit) => Promise<Response>;
  constructor(base: string, by: (url: string, init: RequestInit) => Promise<Response> = fetch) {
    this.#base = base.replace(/\/$/, '');
    this.#fetch = by;
  }

  /** `path` includes its query. The response is validated by `shape`. */
  async get<S extends z.ZodType>(path: string, shape: S): Promise<z.infer<S>> {
    return shape.parse(await this.#call(path, {}));
  }

  async post<S extends z.ZodType>(path: string, body: unknown, shape: S): Promise<z.infer<S>> {
    return shape.parse(
      await this.#call(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    );
  }

  async delete<S extends z.ZodType>(path: string, shape: S): Promise<z.infer<S>> {
    return shape.parse(await this.#call(path, { method: 'DELETE' }));
  }

  async #call(path: string, init: RequestInit): Promise<unknown> {
    let answer: Response;
    try {
      answer = await this.#fetch(`${this.#base}${path}`, init);
    } catch (cause) {
      if (cause instanceof PropagatorError) throw cause;
      const advice =
        'Is it running on this machine? `npm start` starts it; PROPAGATOR_API_URL names another door.';
      throw new PropagatorError(
        {
          code: 'cli.no-answer',
          class: 'Transient',
          message: `no propagator answers at ${this.#base}`,
          advice,
        },
        { cause },
      );
    }
    const body: unknown = await answer.json().catch(() => undefined);
    if (answer.ok) return body;
    const refusal = Refusal.safeParse(body);
    const { code, message, advice } = refusal.success
      ? refusal.data.error
      : {
          code: `api.http.${answer.status}`,
          message: `HTTP ${answer.status}${wordOf(body)}`,
          advice: adviceFor(answer.status),
        };
    throw new PropagatorError({
      code,
      class: 'Unexpected',
      message,
      advice: advice ?? 'See `propagator --help`.',
    });
  }
}
