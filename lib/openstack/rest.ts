import type { ApiAnswer, RequestOptions, ServiceApi, SilenceWatch } from '../task/service.ts';
import type { Token } from './authenticate.ts';
import { currentCaller } from './caller.ts';
import { type FailureContext, httpFailure, transportFailure } from './failure.ts';
import type { AdaptiveLimiter } from './limiter.ts';
import { readListing } from './listing.ts';
import { isAccepted, rethrowAsMissingList, toAnswer, waitBeforeRepeat } from './rest-answer.ts';
import { refuseUnsafeEndpoint, refuseUnsafeHeaders, refuseUnsafePath } from './safe-url.ts';
import type { Session } from './session.ts';
import { keyOfRead, SharedReads } from './shared-reads.ts';
import { type Method, type RawAnswer, type Transport, TransportError } from './transport.ts';
import { buildPath, withoutNames } from './url.ts';

/**
 * The facts about one call that the metrics record, without ids, names and query. `status` is
 * `undefined` without an answer.
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

/**
 * How to send the microversion. With header `compute` and version `2.93`, the request has
 * `OpenStack-API-Version: compute 2.93`. A header that begins with `X-` belongs to one service and
 * contains only the version.
 */
export interface ApiVersion {
  readonly header: string;
  readonly version: string;
}

const versionHeader = ({ header, version }: ApiVersion): Record<string, string> =>
  /^x-/i.test(header)
    ? { [header.toLowerCase()]: version }
    : { 'openstack-api-version': `${header} ${version}` };

export interface RestOptions {
  readonly service: string;
  readonly region: string;
  /** Without a trailing slash. */
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

/** The number of waits for a `Retry-After` in one call. */
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
  readonly target: string;
  /** The path without ids and names, for metrics. */
  readonly shownPath: string;
  /** The method and `shownPath`, for messages and the limiter. */
  readonly label: string;
  readonly request: RequestOptions;
  readonly watch: SilenceWatch | undefined;
}

/** Creates the REST API of one service in one region, with a shared session and transport. */
export function createRest(options: RestOptions): ServiceApi {
  const { service, region, session, transport, now } = options;
  const endpointUrl = new URL(options.endpoint);
  const failureContext: FailureContext = {
    service,
    region: region || undefined,
    host: endpointUrl.host,
  };
  const sharedReads = new SharedReads();
  let newTokenRefusedAt = Number.NEGATIVE_INFINITY;

  /** Throws if a proxy could change the call on its way to the service. */
  const prepare = (
    method: Method,
    path: string,
    request: RequestOptions,
    watch: SilenceWatch | undefined,
  ): PreparedCall => {
    const endpoint = request.endpoint ?? options.endpoint;
    refuseUnsafeEndpoint(service, endpoint.replace(/^\w+:\/+[^/]*/, ''));
    // A Swift object may have the name `..`, and Swift uses the path unchanged.
    if (service !== 'swift') refuseUnsafePath(service, path);
    refuseUnsafeHeaders(service, request.headers);
    const target = buildPath(endpointUrl, endpoint, path, request.query);
    const shownPath = withoutNames(service, path);
    return { method, target, shownPath, label: `${method} ${shownPath}`, request, watch };
  };

  /** Sends the call once, and records its status and duration. */
  const send = async (call: PreparedCall, token: Token): Promise<RawAnswer> => {
    const { method, target, shownPath, label, request, watch } = call;
    const startedAt = now();
    let status: number | undefined;
    try {
      const answer = await transport.send({
        method,
        origin: endpointUrl.origin,
        path: target,
        headers: headersOf(request, token, options),
        body: request.json === undefined ? request.body : JSON.stringify(request.json),
        signal: watch?.signal,
      });
      status = answer.status;
      watch?.answered();
      return answer;
    } catch (error) {
      throw error instanceof TransportError
        ? transportFailure(error, label, failureContext)
        : error;
    } finally {
      const millis = now() - startedAt;
      options.limiter.observe({ call: label, millis, status });
      options.onCall?.({ service, region, method, path: shownPath, status, millis });
    }
  };

  /**
   * Sends the call until it has an accepted answer. After a 401, it logs in again and repeats the
   * call once. After a short `Retry-After`, it waits and repeats the call at most twice. Throws the
   * error of any other answer.
   */
  const sendUntilAccepted = async (call: PreparedCall): Promise<ApiAnswer> => {
    const { method, label, request } = call;
    let token = await session.token();
    let mayLogInAgain = now() >= newTokenRefusedAt + LOGIN_PAUSE_MILLIS;
    for (let waits = 0; ; ) {
      const answer = await send(call, token);
      if (isAccepted(answer.status, request))
        return toAnswer(answer, method, label, failureContext);
      if (answer.status === 401 && mayLogInAgain) {
        mayLogInAgain = false;
        token = await session.replaceToken(token);
        continue;
      }
      if (answer.status === 401) newTokenRefusedAt = now();
      const waitSeconds = waits < MAX_WAITS ? waitBeforeRepeat(answer, method, now()) : undefined;
      if (waitSeconds === undefined)
        throw httpFailure(answer, label, { ...failureContext, secrets: [token.value()] }, now());
      waits += 1;
      await options.sleep(waitSeconds);
    }
  };

  const exchange = (
    method: Method,
    path: string,
    request: RequestOptions,
    watch: SilenceWatch | undefined,
  ): Promise<ApiAnswer> => {
    const sendWithSlot = (begin: () => void): Promise<ApiAnswer> =>
      options.limiter.run(currentCaller(), async () => {
        begin();
        // The call may have been aborted while it waited for its slot.
        watch?.signal.throwIfAborted();
        return sendUntilAccepted(prepare(method, path, request, watch));
      });
    return method === 'GET'
      ? sharedReads.read(keyOfRead(path, request), watch, sendWithSlot)
      : sendWithSlot(() => {});
  };

  const api = (watch: SilenceWatch | undefined): ServiceApi => ({
    service,
    region,
    endpoint: options.endpoint,
    ownProject: options.ownProject,
    microversion: options.apiVersion?.version,
    request: (method, path, request = {}) => exchange(method, path, request, watch),
    list: (path, listOptions) =>
      readListing(
        (request) => exchange('GET', path, request, watch).catch(rethrowAsMissingList),
        withoutNames(service, path),
        listOptions,
        failureContext,
      ),
    withWatch: api,
  });
  return api(undefined);
}

/** Returns the headers of a call. The caller's own headers replace the default `Accept`. */
const headersOf = (
  { json, headers }: RequestOptions,
  token: Token,
  { apiVersion, userAgent }: RestOptions,
): Record<string, string> => ({
  accept: 'application/json',
  ...(json === undefined ? {} : { 'content-type': 'application/json' }),
  ...(apiVersion === undefined ? {} : versionHeader(apiVersion)),
  ...withLowerCaseNames(headers),
  'user-agent': userAgent,
  'x-auth-token': token.value(),
});

const withLowerCaseNames = (headers: RequestOptions['headers']): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
