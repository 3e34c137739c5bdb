import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';

/** One call that reached the proxy. */
export interface ProxyCall {
  /** The upstream server: `http://127.0.0.1:8774`. */
  readonly origin: string;
  readonly method: string;
  /** Path and query as received. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** An answer before it is sent on. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly text: string;
  /**
   * The encoding with which the bytes of the body were read; default `utf8`. Images and objects are
   * `latin1`.
   */
  readonly encoding?: 'utf8' | 'latin1';
}

/**
 * Headers that belong to one connection (RFC 9110, 7.6.1), and those that the proxy sets itself.
 */
const OWN_HEADERS = [
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'host',
  'accept-encoding',
  'expect',
];

const without = <Value>(
  headers: Readonly<Record<string, Value>>,
  names: readonly string[],
): Record<string, Value> =>
  Object.fromEntries(
    Object.entries(headers).filter(([name]) => !names.includes(name.toLowerCase())),
  );

/** Sends the call to its upstream server, byte for byte. Rejects if the answer is not complete. */
export function forward(call: ProxyCall, body: Buffer): Promise<Answer> {
  const { hostname, port } = new URL(call.origin);
  const headers = { ...without(call.headers, OWN_HEADERS), 'content-length': String(body.length) };
  return new Promise((resolve, reject) => {
    const upstream = httpRequest(
      { hostname, port, method: call.method, path: call.path, headers },
      (answer) => {
        const pieces: Buffer[] = [];
        answer.on('data', (piece: Buffer) => pieces.push(piece));
        answer.on('error', reject);
        answer.on('end', () => {
          const kept =
            call.method === 'HEAD'
              ? OWN_HEADERS.filter((name) => name !== 'content-length')
              : OWN_HEADERS;
          const shown = Object.entries(without(answer.headers, kept)).flatMap(([name, value]) =>
            value === undefined ? [] : [[name, value] as const],
          );
          const encoding = /json|text|xml/.test(answer.headers['content-type'] ?? '')
            ? 'utf8'
            : 'latin1';
          resolve({
            status: answer.statusCode ?? 502,
            headers: Object.fromEntries(shown),
            text: Buffer.concat(pieces).toString(encoding),
            encoding,
          });
        });
      },
    );
    upstream.on('error', reject);
    upstream.end(body);
  });
}
