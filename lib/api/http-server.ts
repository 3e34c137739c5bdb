import type { Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import type { Hono } from 'hono';

export interface HttpServer {
  readonly port: number;
  /**
   * Accepts no new connection, waits one second for the responses in progress, then closes all
   * connections.
   */
  close(): Promise<void>;
}

/** The address and certificate of a server. */
export interface ListenOptions {
  /** An IP address of this machine. Default: 127.0.0.1. */
  readonly address?: string;
  /** PEM texts. Without `tls` the server speaks plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
}

/** Limits of a connection, far above the needs of a command, a health check or an HTTP plugin. */
export const SERVER_LIMITS = {
  /**
   * The maximum time until the headers have arrived. It also limits a connection that sends
   * nothing.
   */
  headersTimeout: 10_000,
  /** The maximum time until the whole request has arrived. */
  requestTimeout: 30_000,
  connectionsCheckingInterval: 1000,
  /** The maximum pause between two requests of one connection. */
  keepAliveTimeout: 5000,
  maxHeaderSize: 16 * 1024,
} as const;
const MAX_CONNECTIONS = 512;
const MAX_HEADERS = 100;
const MAX_REQUESTS_PER_CONNECTION = 1000;
const CLOSE_GRACE_MILLIS = 1000;

/**
 * Serves `app`. Port 0 selects a free port. Throws for a port that is not available, and for an
 * invalid certificate or key.
 */
export async function serveHttp(
  app: Pick<Hono, 'fetch'>,
  port: number,
  limits: Partial<Record<keyof typeof SERVER_LIMITS, number>> = SERVER_LIMITS,
  { address = '127.0.0.1', tls }: ListenOptions = {},
): Promise<HttpServer> {
  const serverOptions = { ...SERVER_LIMITS, ...limits };
  const serveOptions = { fetch: app.fetch, port, hostname: address };
  const server = serve(
    tls
      ? {
          ...serveOptions,
          createServer: createTlsServer,
          serverOptions: { ...serverOptions, ...tls },
        }
      : { ...serveOptions, serverOptions },
  ) as Server;
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

/**
 * Closes all connections after a second, because an idle client must not block the end of the
 * process.
 */
async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const forceTimer = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MILLIS);
  await closed;
  clearTimeout(forceTimer);
}
