import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';

/**
 * Whoever imports `node:http` reads all its exports, and one of them loads the undici that Node has
 * built in: a third of the time of a start.
 */
const { Agent: HttpAgent, request: requestHttp } = process.getBuiltinModule('node:http');

/** As undici has them; times in milliseconds. */
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
 * A function is frozen between two calls, and a connection that was kept then is dead: one that is
 * idle for longer is let go of.
 */
const IDLE_MILLIS = 4000;

/**
 * What the transport uses of undici's Agent, over Node's own clients. In the bundles of functions
 * it stands in for undici, which is three times as large as all the rest. Errors carry the codes of
 * undici; the tests of the connection run on both.
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
    // Node calls every abort the same; the reason knows a time-out.
    const end = (error: unknown) => reject(signal.aborted ? signal.reason : error);
    const fail = (code: string) => sent.destroy(coded(code));
    // One clock: until the connection stands, then until the headers came, then between two pieces
    // of the body.
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
      // The socket's own word (a time-out, a broken frame) says more than that the message was cut.
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

/** A function reaches OpenStack through its network alone. */
export class ProxyAgent {
  constructor() {
    throw new TypeError(
      'a function calls OpenStack without a proxy: unset HTTP_PROXY and HTTPS_PROXY',
    );
  }
}

const coded = (code: string): Error => Object.assign(new Error(code), { code });

/**
 * What can't be sent, a path with a space in it, is the caller's mistake, and undici has one word
 * for all of it.
 */
function known<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TypeError) throw coded('UND_ERR_INVALID_ARG');
    throw error;
  }
}
