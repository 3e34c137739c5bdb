import type { ApiAnswer, RequestOptions, ServiceApi, SilenceWatch } from '../task/service.ts';
import type { Token } from './authenticate.ts';
import { currentCaller } from './caller.ts';
import { type FailureContext, httpFailure, transportFailure } from './failure.ts';
import type { AdaptiveLimiter } from './limiter.ts';
import { readListing } from './listing.ts';
import { type ApiVersion, headersOf } from './request-headers.ts';
import { isAccepted, repeatDelaySeconds, rethrowAsMissingList, toAnswer } from './rest-answer.ts';
import { refuseUnsafeEndpoint, refuseUnsafeHeaders, refuseUnsafePath } from './safe-url.ts';
import type { Session } from './session.ts';
import { keyOfRead, SharedReads } from './shared-reads.ts';
import { type Method, type RawAnswer, type Transport, TransportError } from './transport.ts';
import { buildPath, withoutNames } from './url.ts';

/**
 * What the metrics store about one call. It contains no ids, names or query. `status` is
 * `undefined` if no answer arrived.
 */
export interface CallRecord {
  readonly service: string;
  readonly region: string;
  readonly method: Method;
  /** For example `/servers/{id}/action`. */
  readonly path: string;
  readonly status: number | undefined;
  readonly millis: number;
}

export interface RestOptions {
  readonly service: string;
  readonly region: string;
  /** The URL has no trailing slash. */
  readonly endpoint: string;
  readonly ownProject: string;
  readonly apiVersion: ApiVersion | undefined;
  readonly session: Session;
  readonly transport: Transport;
  /**
   * Limits all calls to the service in the region. A call keeps its slot while it waits for
   * `Retry-After`, because the service asked for fewer calls.
   */
  readonly limiter: AdaptiveLimiter;
  readonly userAgent: string;
  readonly now: () => number;
  readonly sleep: (seconds: number) => Promise<void>;
  readonly onCall: ((call: CallRecord) => void) | undefined;
}

/** The maximum number of waits for a `Retry-After` in one call. */
const MAX_WAITS = 2;
/**
 * After a service has refused a new token, no call logs in again for this time. The pause protects
 * Keystone from too many logins.
 */
const LOGIN_PAUSE_MILLIS = 30_000;

/** A call that is ready to be sent. */
interface PreparedCall {
  readonly method: Method;
  /** The path and query that are sent. */
  readonly pathAndQuery: string;
  /** The path without ids and names, for metrics. */
  readonly pathWithoutNames: string;
  /** The method and `pathWithoutNames`, for messages and the limiter. */
  readonly label: string;
  readonly request: RequestOptions;
  readonly watch: SilenceWatch | undefined;
}

/** The token of one call. The call logs in again at most once. */
interface CallLogin {
  token: Token;
  mayLogInAgain: boolean;
}

/** Creates the REST API of one service in one region, with a shared session and transport. */
export const createRest = (options: RestOptions): ServiceApi =>
  new RestClient(options).api(undefined);

class RestClient {
  readonly #options: RestOptions;
  readonly #endpointUrl: URL;
  readonly #failureContext: FailureContext;
  readonly #sharedReads = new SharedReads();
  #newTokenRefusedAt = Number.NEGATIVE_INFINITY;

  constructor(options: RestOptions) {
    this.#options = options;
    this.#endpointUrl = new URL(options.endpoint);
    this.#failureContext = {
      service: options.service,
      region: options.region || undefined,
      host: this.#endpointUrl.host,
    };
  }

  /** Returns the API. The watch, if there is one, counts the answers and can abort the calls. */
  api(watch: SilenceWatch | undefined): ServiceApi {
    const { service, region, endpoint, ownProject, apiVersion } = this.#options;
    return {
      service,
      region,
      endpoint,
      ownProject,
      microversion: apiVersion?.version,
      request: (method, path, request = {}) => this.#sendOrShare(method, path, request, watch),
      list: (path, listOptions) =>
        readListing(
          (request) => this.#sendOrShare('GET', path, request, watch).catch(rethrowAsMissingList),
          withoutNames(service, path),
          listOptions,
          this.#failureContext,
        ),
      withWatch: (newWatch) => this.api(newWatch),
    };
  }

  /** Sends the call when the limiter has a free slot. A GET may share the answer of another GET. */
  #sendOrShare(
    method: Method,
    path: string,
    request: RequestOptions,
    watch: SilenceWatch | undefined,
  ): Promise<ApiAnswer> {
    const sendInSlot = (onSending: () => void): Promise<ApiAnswer> =>
      this.#sendInSlot(method, path, request, watch, onSending);
    return method === 'GET'
      ? this.#sharedReads.read(keyOfRead(path, request), watch, sendInSlot)
      : sendInSlot(() => {});
  }

  /**
   * Sends the call in a slot of the limiter. Calls `onSending` immediately before the call is sent,
   * because a read that begins later must not share its answer.
   */
  #sendInSlot(
    method: Method,
    path: string,
    request: RequestOptions,
    watch: SilenceWatch | undefined,
    onSending: () => void,
  ): Promise<ApiAnswer> {
    return this.#options.limiter.run(currentCaller(), async () => {
      onSending();
      // The call may have been aborted while it waited for its slot.
      watch?.signal.throwIfAborted();
      return this.#sendUntilAccepted(this.#prepare(method, path, request, watch));
    });
  }

  /** Prepares the call. Throws if a proxy could change it on its way to the service. */
  #prepare(
    method: Method,
    path: string,
    request: RequestOptions,
    watch: SilenceWatch | undefined,
  ): PreparedCall {
    const { service } = this.#options;
    const endpoint = request.endpoint ?? this.#options.endpoint;
    refuseUnsafeEndpoint(service, endpoint.replace(/^\w+:\/+[^/]*/, ''));
    // A Swift object may have the name `..`, and Swift uses the path unchanged.
    if (service !== 'swift') refuseUnsafePath(service, path);
    refuseUnsafeHeaders(service, request.headers);
    const pathAndQuery = buildPath(this.#endpointUrl, endpoint, path, request.query);
    const pathWithoutNames = withoutNames(service, path);
    return {
      method,
      pathAndQuery: pathAndQuery,
      pathWithoutNames,
      label: `${method} ${pathWithoutNames}`,
      request,
      watch,
    };
  }

  /**
   * Sends the call until it has an accepted answer. After a 401, it logs in again and repeats the
   * call once. After a short `Retry-After`, it waits and repeats the call at most twice. Throws the
   * error of any other answer.
   */
  async #sendUntilAccepted(call: PreparedCall): Promise<ApiAnswer> {
    const { session, now, sleep } = this.#options;
    const { method, label, request } = call;
    const token = await session.token();
    const mayLogInAgain = now() >= this.#newTokenRefusedAt + LOGIN_PAUSE_MILLIS;
    const login: CallLogin = { token, mayLogInAgain };
    let answer = await this.#sendWithLogin(call, login);
    for (let waits = 0; waits < MAX_WAITS && !isAccepted(answer.status, request); waits += 1) {
      const waitSeconds = repeatDelaySeconds(answer, method, now());
      if (waitSeconds === undefined) break;
      await sleep(waitSeconds);
      answer = await this.#sendWithLogin(call, login);
    }
    if (isAccepted(answer.status, request))
      return toAnswer(answer, method, label, this.#failureContext);
    const failureContext = { ...this.#failureContext, secrets: [login.token.value()] };
    throw httpFailure(answer, label, failureContext, now());
  }

  /** Sends the call. After a 401, it logs in again and repeats the call, if it may do so. */
  async #sendWithLogin(call: PreparedCall, login: CallLogin): Promise<RawAnswer> {
    const { session, now } = this.#options;
    const answer = await this.#send(call, login.token);
    if (answer.status !== 401 || isAccepted(401, call.request)) return answer;
    if (!login.mayLogInAgain) {
      this.#newTokenRefusedAt = now();
      return answer;
    }
    login.mayLogInAgain = false;
    login.token = await session.replaceToken(login.token);
    return this.#sendWithLogin(call, login);
  }

  /** Sends the call once, and records its status and duration. */
  async #send(call: PreparedCall, token: Token): Promise<RawAnswer> {
    const { service, region, transport, limiter, now, onCall } = this.#options;
    const { method, pathAndQuery, pathWithoutNames, label, request, watch } = call;
    const startedAt = now();
    let status: number | undefined;
    try {
      const answer = await transport.send({
        method,
        origin: this.#endpointUrl.origin,
        path: pathAndQuery,
        headers: headersOf(request, token, this.#options),
        body: request.json === undefined ? request.body : JSON.stringify(request.json),
        signal: watch?.signal,
      });
      status = answer.status;
      watch?.answered();
      return answer;
    } catch (error) {
      throw error instanceof TransportError
        ? transportFailure(error, label, this.#failureContext)
        : error;
    } finally {
      const millis = now() - startedAt;
      limiter.observe({ label, millis, status });
      onCall?.({ service, region, method, path: pathWithoutNames, status, millis });
    }
  }
}
