import type { Proxies } from './proxies.ts';

/**
 * TLS options of a cloud. `ca`: PEM text of the CA that signed its certificates. `cert` and `key`:
 * PEM texts of the client certificate and its key.
 */
export interface Tls {
  readonly ca: string | undefined;
  readonly verify: boolean;
  readonly cert?: string;
  readonly key?: () => string;
}

/**
 * Time limits in seconds. `connectSeconds`: until the TCP and TLS connection is established.
 * `answerSeconds`: until the headers arrive, and between two parts of the body. `callSeconds`:
 * until the response is complete.
 */
export interface Timeouts {
  readonly connectSeconds: number;
  readonly answerSeconds: number;
  readonly callSeconds: number;
}

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One call to a service. */
export interface OutgoingCall {
  readonly method: Method;
  /** `https://host:port`. */
  readonly origin: string;
  /**
   * Path and query, which are sent byte for byte. Do not parse them with `URL`: it resolves `..`,
   * which is a valid name of a Swift object.
   */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** True for a POST that may be repeated after a broken connection. */
  readonly repeatable?: boolean;
  /** An abort of this signal cancels the call. */
  readonly signal?: AbortSignal | undefined;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/**
 * The error of a call without a complete response. `reset`: the connection broke, and the service
 * may have executed the call. `broken`: the response is not HTTP, or shorter than announced. `tls`:
 * the certificate was refused. `canceled`: the signal of the call aborted.
 */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly reason: 'timeout' | 'unreachable' | 'reset' | 'broken' | 'tls' | 'canceled';
  constructor(reason: TransportError['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface Transport {
  /**
   * Sends one call and follows no redirect. After a broken connection, it repeats GET and HEAD at
   * most twice and DELETE once. Throws {@link TransportError}.
   */
  send(call: OutgoingCall): Promise<RawAnswer>;
  close(): Promise<void>;
}

/** How often a call is repeated after a broken connection, by method. */
const MAX_REPEATS_AFTER_RESET: Readonly<Record<Method, number>> = {
  GET: 2,
  HEAD: 2,
  DELETE: 1,
  POST: 0,
  PUT: 0,
  PATCH: 0,
};
/** The largest response that is accepted. A page of 1000 servers has about 4 MB. */
export const MAX_RESPONSE_BYTES = 256 * 1024 * 1024;

/** A call as an HTTP client sends it. */
export type HttpRequest = Pick<OutgoingCall, 'method' | 'origin' | 'path' | 'headers' | 'body'> & {
  readonly signal: AbortSignal;
};

/**
 * Sends calls over keep-alive connections and reads each response completely. It rejects a
 * response of more than {@link MAX_RESPONSE_BYTES}. Its errors have the codes of Node or undici.
 */
export interface HttpClient {
  send(request: HttpRequest): Promise<RawAnswer>;
  close(): Promise<void>;
}

/** Creates the client of one cloud, which uses the proxies. */
export type HttpClientFactory = (tls: Tls, timeouts: Timeouts, proxies: Proxies) => HttpClient;

/** Repeats calls after a broken connection, and converts the errors of the client. */
export function createTransport(client: HttpClient, timeouts: Timeouts): Transport {
  return {
    send: (call) => sendWithRepeats(client, call, timeouts),
    close: () => client.close(),
  };
}

async function sendWithRepeats(
  client: HttpClient,
  call: OutgoingCall,
  timeouts: Timeouts,
): Promise<RawAnswer> {
  for (let repeats = call.repeatable ? 2 : MAX_REPEATS_AFTER_RESET[call.method]; ; repeats -= 1) {
    try {
      return await sendOnce(client, call, timeouts);
    } catch (error) {
      const isReset = error instanceof TransportError && error.reason === 'reset';
      if (!isReset || repeats <= 0) throw error;
    }
  }
}

/** Sends the call once. Cancels it after `callSeconds`, or when its own signal aborts. */
async function sendOnce(
  client: HttpClient,
  call: OutgoingCall,
  timeouts: Timeouts,
): Promise<RawAnswer> {
  const timeLimitSignal = AbortSignal.timeout(timeouts.callSeconds * 1000);
  const signals = call.signal ? [timeLimitSignal, call.signal] : [timeLimitSignal];
  try {
    return await client.send({ ...call, signal: AbortSignal.any(signals) });
  } catch (thrown) {
    if (call.signal?.aborted && !timeLimitSignal.aborted)
      throw new TransportError('canceled', 'the caller canceled the call');
    throw toTransportError(thrown, timeouts) ?? thrown;
  }
}

/**
 * Converts an error of the HTTP client. Returns `undefined` for a defect of the caller. The
 * original error is not kept as the cause, because a parser error of undici contains the response,
 * which may contain a token.
 */
function toTransportError(thrown: unknown, timeouts: Timeouts): TransportError | undefined {
  const code = codeOf(thrown);
  switch (code) {
    case 'UND_ERR_CONNECT_TIMEOUT':
      return new TransportError('unreachable', `no connection within ${timeouts.connectSeconds} s`);
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
      return new TransportError('timeout', `no answer within ${timeouts.answerSeconds} s`);
    case 'TimeoutError':
    case 'AbortError':
    case 'UND_ERR_ABORTED':
      return new TransportError(
        'timeout',
        `the answer was not complete within ${timeouts.callSeconds} s`,
      );
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return new TransportError(
        'reset',
        'the connection was closed before the answer was complete',
      );
    case 'ECONNREFUSED':
      return new TransportError(
        'unreachable',
        'connection refused: no program listens on that port',
      );
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new TransportError('unreachable', `the host name is not known (${code})`);
    case 'UND_ERR_INVALID_ARG':
      // An invalid path or header is a defect of the caller, not a failure of the cloud.
      return undefined;
    default:
      if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO_/.test(code))
        return new TransportError('tls', `the TLS certificate was refused (${code})`);
      if (/^HPE_|^HTTPParser|^UND_ERR_RES/.test(code))
        return new TransportError('broken', `the answer is not valid HTTP (${code})`);
      return new TransportError('unreachable', `the call failed (${code})`);
  }
}

/**
 * Returns the `code` of an error of Node or undici, or the name of an abort error. `instanceof`
 * would fail for errors from another realm.
 */
function codeOf(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null) return 'unknown';
  if ('code' in thrown && typeof thrown.code === 'string') return thrown.code;
  return 'name' in thrown && typeof thrown.name === 'string' ? thrown.name : 'unknown';
}
