import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import type { Hono } from 'hono';

export interface HttpServer {
  readonly port: number;
  /** Takes no new connection, lets answers under way end for a second, then closes every connection. */
  close(): Promise<void>;
}

/**
 * What one client may keep for itself. Every number is far above what a command, a health check or
 * a service of the operator needs; the API listens on loopback.
 */
export const SERVER_LIMITS = {
  /** Until the headers of a request have arrived; also of a connection that sends nothing. */
  headersTimeout: 10_000,
  /** Until a request has arrived with its whole body. */
  requestTimeout: 30_000,
  connectionsCheckingInterval: 1000,
  /** Until the next request of a connection begins. */
  keepAliveTimeout: 5000,
  maxHeaderSize: 16 * 1024,
} as const;
const MAX_CONNECTIONS = 512;
const MAX_HEADERS = 100;
const MAX_REQUESTS_PER_CONNECTION = 1000;
const CLOSE_MILLIS = 1000;

/** Serves `app` on 127.0.0.1; port 0 takes a free one. Throws when the port cannot be had. */
export async function serveHttp(
  app: Pick<Hono, 'fetch'>,
  port: number,
  limits: Partial<Record<keyof typeof SERVER_LIMITS, number>> = SERVER_LIMITS,
): Promise<HttpServer> {
  const serverOptions = { ...SERVER_LIMITS, ...limits };
  const server = serve({ fetch: app.fetch, port, hostname: '127.0.0.1', serverOptions }) as Server;
  server.maxConnections = MAX_CONNECTIONS;
  server.maxHeadersCount = MAX_HEADERS;
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', reject);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => close(server),
  };
}

/** A client that sends nothing, or half a request, must not keep the process. */
async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const force = setTimeout(() => server.closeAllConnections(), CLOSE_MILLIS);
  await closed;
  clearTimeout(force);
}
