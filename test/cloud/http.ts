import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import * as z from 'zod';
import type { Token } from './tokens.ts';

/** One request to one service. */
export interface Call {
  readonly service: string;
  readonly method: string;
  /** The path as received, still escaped, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The query as received. */
  readonly search: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly requestId: string;
  /** Base URL of this service's server: `http://127.0.0.1:34567`. */
  readonly base: string;
  /** Set by the router, unescaped. */
  params: Readonly<Record<string, string>>;
  /** The caller. A service that requires a token sets it before the handler runs. */
  token: Token | undefined;
  /** A fault accepts this deletion and never ends it. */
  endless: boolean;
  /** A fault ignores the filter, also one in a body or in a query language. */
  unfiltered: boolean;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly text?: string;
}

export type Handler = (call: Call) => Reply;

/**
 * Thrown by a handler that refuses. The service gives the error the form of its real error bodies.
 */
export class Refusal extends Error {
  readonly status: number;
  /** Neutron's exception name, `NetworkInUse`. */
  readonly type: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  constructor(
    status: number,
    message: string,
    more: { type?: string; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.type = more.type;
    this.headers = more.headers ?? {};
  }
}

/** The routes of one service: `:name` matches one segment of the path. */
export class Routes {
  readonly #routes: { method: string; segments: string[]; handler: Handler }[] = [];

  on(methods: string, pattern: string, handler: Handler): this {
    for (const method of methods.split(' '))
      this.#routes.push({ method, segments: pattern.split('/'), handler });
    return this;
  }

  /**
   * The handler of a path, with its parameters set on the call. Without a handler: `undefined`, or
   * the methods that the path supports.
   */
  find(call: Call, path: string): Handler | undefined {
    const segments = path.split('/');
    for (const route of this.#routes) {
      if (route.method !== call.method || route.segments.length !== segments.length) continue;
      const params: Record<string, string> = {};
      const fits = route.segments.every((wanted, index) => {
        const given = segments[index] ?? '';
        if (!wanted.startsWith(':')) return wanted === given;
        params[wanted.slice(1)] = decodeURIComponent(given);
        return given !== '';
      });
      if (fits) {
        call.params = params;
        return route.handler;
      }
    }
    return undefined;
  }
}

/** One service of the cloud as its server needs it. */
export interface Front {
  readonly name: string;
  handle(call: Call): Reply;
  /** An error body in the form of this service. */
  refuse(refusal: Refusal, call: Call): Reply;
  /** Headers of every answer, in addition to the request id. */
  headers(call: Call, reply: Reply): Readonly<Record<string, string>>;
}

/** A parameter of the path. */
export function param(call: Call, name: string): string {
  const value = call.params[name];
  if (value === undefined) throw new TypeError(`${call.method} ${call.path} has no ${name}`);
  return value;
}

/** The JSON body, validated. A body of another form is answered with 400. */
export function body<S extends z.ZodType>(call: Call, schema: S): z.infer<S> {
  let json: unknown;
  try {
    json = JSON.parse(call.body.toString('utf8'));
  } catch {
    throw new Refusal(400, 'Malformed request body');
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw new Refusal(400, z.prettifyError(parsed.error));
  return parsed.data;
}

/** Body of an action: `{"os-stop": null}` gives `['os-stop', null]`. */
export function action(call: Call): [string, unknown] {
  const [first] = Object.entries(body(call, z.record(z.string(), z.unknown())));
  if (!first) throw new Refusal(400, 'There is no such action: ');
  return first;
}

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A server on a port of the loopback; port 0 selects a free one. */
export async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  server.removeAllListeners('error');
  const address = server.address();
  return isAddress(address) ? address.port : port;
}

const isAddress = (address: AddressInfo | string | null): address is AddressInfo =>
  address !== null && typeof address !== 'string';

export { createServer };
