import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';

/**
 * An `import` of `node:http` evaluates all its exports. One of them loads Node's built-in undici,
 * which takes a third of the start time.
 */
const { Agent: HttpAgent, request: requestHttp } = process.getBuiltinModule('node:http');

/** Options as in undici; times in milliseconds. */
export interface AgentOptions {
  readonly connect: {
    readonly timeout: number;
    readonly rejectUnauthorized: boolean;
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string | undefined;
  };
  readonly headersTimeout: number;
  readonly bodyTimeout: number;
  /** Bytes. */
  readonly maxResponseSize: number;
}
export interface Request {
  readonly origin: string;
  /** Sent byte for byte. */
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  readonly signal: AbortSignal;
}
export interface Response {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: { text(): Promise<string> };
}

/**
 * Lambda freezes a function between invocations, and kept connections die meanwhile. Idle
 * connections are therefore closed after this time.
 */
const IDLE_MILLIS = 4000;

/**
 * The part of undici's Agent that the transport uses, over Node's clients. The function bundles use
 * it in place of undici, which is three times as large as all other code. Errors have undici's
 * codes, and the tests of the transport run on both.
 */
export class Agent {
  readonly #options: AgentOptions;
  readonly #http = new HttpAgent({ keepAlive: true, timeout: IDLE_MILLIS });
  readonly #https: HttpsAgent;

  constructor(options: AgentOptions) {
    this.#options = options;
    const { timeout: _timeout, ...tls } = options.connect;
    this.#https = new HttpsAgent({
      keepAlive: true,
      timeout: IDLE_MILLIS,
      ...tls,
    });
  }

  async request({ origin, path, method, headers, body, signal }: Request): Promise<Response> {
    const url = new URL(origin);
    const secure = url.protocol === 'https:';
    const { connect, headersTimeout, bodyTimeout, maxResponseSize } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const length = body === null ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const options = {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port || (secure ? 443 : 80),
      path,
      method,
      headers: { ...headers, ...length },
      agent: secure ? this.#https : this.#http,
      signal,
    };
    const sent = known(() => (secure ? requestHttps(options) : requestHttp(options)));
    // Node reports every abort alike; only the reason tells a time-out.
    const end = (error: unknown) => reject(signal.aborted ? signal.reason : error);
    const fail = (code: string) => sent.destroy(coded(code));
    // One timer for three phases: until the connection is established, until the headers arrive,
    // and between two parts of the body.
    let clock: NodeJS.Timeout | undefined;
    const within = (millis: number, code: string) => {
      clearTimeout(clock);
      clock = setTimeout(fail, millis, code);
    };
    sent.on('socket', (socket) => {
      if (!socket.connecting) return within(headersTimeout, 'UND_ERR_HEADERS_TIMEOUT');
      within(connect.timeout, 'UND_ERR_CONNECT_TIMEOUT');
      socket.once(secure ? 'secureConnect' : 'connect', () =>
        within(headersTimeout, 'UND_ERR_HEADERS_TIMEOUT'),
      );
    });
    sent.on('response', (message: IncomingMessage) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      within(bodyTimeout, 'UND_ERR_BODY_TIMEOUT');
      message.on('data', (piece: Buffer) => {
        within(bodyTimeout, 'UND_ERR_BODY_TIMEOUT');
        bytes += piece.length;
        if (bytes > maxResponseSize) fail('UND_ERR_RES_EXCEEDED_MAX_SIZE');
        else pieces.push(piece);
      });
      message.on('end', () => {
        const text = new TextDecoder().decode(Buffer.concat(pieces));
        resolve({
          statusCode: message.statusCode ?? 0,
          headers: message.headers,
          body: { text: async () => text },
        });
      });
      // The error of the socket (a time-out, an invalid frame) is more precise than that of the
      // message.
      message.on('error', (error) => end(sent.errored ?? error));
    });
    sent.on('error', end);
    sent.end(body ?? undefined);
    return promise.finally(() => clearTimeout(clock));
  }

  async destroy(): Promise<void> {
    this.#http.destroy();
    this.#https.destroy();
  }
}

/** A function reaches OpenStack only through its own network. */
export class ProxyAgent {
  constructor() {
    throw new TypeError(
      'a function calls OpenStack without a proxy: unset HTTP_PROXY and HTTPS_PROXY',
    );
  }
}

const coded = (code: string): Error => Object.assign(new Error(code), { code });

/**
 * An invalid request (for example a space in the path) is a defect of the caller. undici uses one
 * code for all of these.
 */
function known<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TypeError) throw coded('UND_ERR_INVALID_ARG');
    throw error;
  }
}
