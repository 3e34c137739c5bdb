import { HttpRequest } from '@smithy/core/protocols';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { type Proxies, proxyFor } from '../../openstack/proxies.ts';
import {
  type HttpClient,
  MAX_RESPONSE_BYTES,
  type Timeouts,
  type Tls,
} from '../../openstack/transport.ts';

/**
 * Lambda freezes a function between invocations, and the open connections of a frozen function
 * break. Idle connections are therefore closed after this time.
 */
const IDLE_MILLIS = 4000;

const errorWithCode = (code: string): Error => Object.assign(new Error(code), { code });

/**
 * Returns an HTTP client that uses the handler of the AWS SDK. The bundle then needs no second one.
 * The client does not support proxies. Its errors have the codes that `lib/openstack/transport.ts`
 * knows.
 */
export function createLambdaHttpClient(tls: Tls, timeouts: Timeouts, proxies: Proxies): HttpClient {
  const handler = new NodeHttpHandler({
    connectionTimeout: timeouts.connectSeconds * 1000,
    requestTimeout: timeouts.answerSeconds * 1000,
    throwOnRequestTimeout: true,
    httpAgent: { timeout: IDLE_MILLIS },
    httpsAgent: {
      timeout: IDLE_MILLIS,
      rejectUnauthorized: tls.verify,
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls.cert === undefined ? {} : { cert: tls.cert, key: tls.key?.() }),
    },
  });
  return {
    async send({ origin, path, method, headers, body, signal }) {
      if (proxyFor(origin, proxies) !== undefined)
        throw new TypeError(
          'A function calls OpenStack without a proxy. Remove HTTP_PROXY and HTTPS_PROXY.',
        );
      const { protocol, hostname, port } = new URL(origin);
      const lengthHeader =
        body === undefined ? {} : { 'content-length': `${Buffer.byteLength(body)}` };
      const request = new HttpRequest({
        protocol,
        hostname,
        ...(port === '' ? {} : { port: Number(port) }),
        method,
        path,
        headers: { ...headers, ...lengthHeader },
        body,
      });
      const { response } = await handler
        .handle(request, { abortSignal: signal })
        .catch((error: unknown) => {
          throw transportError(error);
        });
      const text = await readBody(response.body, timeouts.answerSeconds * 1000, signal);
      return { status: response.statusCode, headers: new Headers(response.headers), text };
    },
    close: async () => handler.destroy(),
  };
}

/** The body of a response: a stream of Node. */
interface Body extends AsyncIterable<Uint8Array> {
  destroy(error?: Error): unknown;
}

/** Reads a body with a limit for its size and for the time between two parts. */
async function readBody(body: Body, maxPauseMillis: number, signal: AbortSignal): Promise<string> {
  const parts: Uint8Array[] = [];
  let byteCount = 0;
  const abortBody = (): unknown => body.destroy(errorWithCode('UND_ERR_ABORTED'));
  signal.addEventListener('abort', abortBody, { once: true });
  let timer: NodeJS.Timeout | undefined;
  const restartTimer = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => body.destroy(errorWithCode('UND_ERR_BODY_TIMEOUT')), maxPauseMillis);
  };
  try {
    restartTimer();
    for await (const part of body) {
      restartTimer();
      byteCount += part.byteLength;
      if (byteCount > MAX_RESPONSE_BYTES) throw errorWithCode('UND_ERR_RES_EXCEEDED_MAX_SIZE');
      parts.push(part);
    }
    return new TextDecoder().decode(Buffer.concat(parts));
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abortBody);
  }
}

/**
 * Converts an error of the handler to an error with a code that the transport knows. All time-out
 * errors of the handler have the name `TimeoutError`. Their codes tell them apart.
 */
function transportError(error: unknown): unknown {
  // Node refused an invalid path or header, which is a defect of the caller.
  if (error instanceof TypeError) return errorWithCode('UND_ERR_INVALID_ARG');
  if (!(error instanceof Error) || error.name !== 'TimeoutError') return error;
  const code = 'code' in error ? error.code : undefined;
  if (code === undefined) return errorWithCode('UND_ERR_CONNECT_TIMEOUT');
  return code === 'ETIMEDOUT' ? errorWithCode('UND_ERR_HEADERS_TIMEOUT') : error;
}
