import type { Hono } from 'hono';
import {
  type HttpServer,
  type ListenOptions,
  SERVER_LIMITS,
  serveHttp,
} from '../api/http-server.ts';
import { PropagatorError } from '../shared/errors.ts';

/** The bound port of the API. */
export interface ListeningServer extends HttpServer {
  /** Lets `app` answer the requests. */
  serve(app: Pick<Hono, 'fetch'>): void;
}

/**
 * Binds `port`, by default on loopback. Call this function first at the start, because a process
 * without its API must not remove resources. Until `serve` is called, every request is answered
 * with 503. Throws `PropagatorError` `api.port` when the port cannot be used.
 */
export async function listen(port: number, options: ListenOptions = {}): Promise<ListeningServer> {
  let app: Pick<Hono, 'fetch'> = { fetch: answerStarting };
  const server = await serveHttp(
    { fetch: (...call) => app.fetch(...call) },
    port,
    SERVER_LIMITS,
    options,
  ).catch((cause: unknown) => {
    throw portError(port, options.address ?? '127.0.0.1', cause);
  });
  return {
    ...server,
    serve: (readyApp) => {
      app = readyApp;
    },
  };
}

const answerStarting = (): Response =>
  Response.json(
    {
      ok: false,
      error: { code: 'api.starting', message: 'the propagator is starting; retry in a second' },
    },
    { status: 503 },
  );

function portError(port: number, address: string, cause: unknown): PropagatorError {
  const code = errorCode(cause) ?? String(cause);
  const reason = code === 'EADDRINUSE' ? 'another process uses it' : code;
  return new PropagatorError(
    {
      code: 'api.port',
      class: 'Denied',
      message: `Port ${port} on ${address} cannot be used: ${reason}. The start failed.`,
      advice:
        `Find the process with \`ss -ltnp 'sport = :${port}'\` and stop it, or set ` +
        'PROPAGATOR_PORT to a free port.',
    },
    { cause },
  );
}

const errorCode = (cause: unknown): unknown =>
  typeof cause === 'object' && cause !== null ? Reflect.get(cause, 'code') : undefined;
