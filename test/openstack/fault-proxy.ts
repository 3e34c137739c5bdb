import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Cloud, rowsOf, text, until } from './cloud.ts';

/** A proxy in front of a service of the real cloud, which can answer in place of the service. */
export interface FaultProxy {
  /**
   * From now on, the proxy answers matching requests with this status. `undefined`: all requests
   * reach the service again.
   */
  answer(
    fault: { readonly method: string; readonly path: RegExp; readonly status: number } | undefined,
  ): void;
  /** Number of requests that the proxy answered itself. */
  readonly hits: number;
  /** Restores the service's own endpoints in the catalog. */
  close(): Promise<void>;
}

/**
 * Starts a proxy on loopback for a service. Until `close`, the endpoints of the service in
 * Keystone's catalog point to the proxy, for every user of the catalog.
 */
export async function startFaultProxy(cloud: Cloud, type: string): Promise<FaultProxy> {
  const { admin } = cloud;
  const services = rowsOf(
    (await admin.call('identity', 'GET', `/services?type=${type}`)).json,
    'services',
  );
  const [service] = services;
  if (service === undefined) throw new Error(`the catalog has no ${type}`);
  const endpoints = rowsOf(
    (await admin.call('identity', 'GET', `/endpoints?service_id=${text(service, 'id')}`)).json,
    'endpoints',
  );
  const urls = new Map(endpoints.map((row) => [text(row, 'id'), text(row, 'url')]));
  const origin = new URL([...urls.values()][0]?.replace(/[$%]\([a-z_]+\)s/g, 'x') ?? '').origin;

  let fault: Parameters<FaultProxy['answer']>[0];
  let hits = 0;
  const server = createServer((incoming: IncomingMessage, answer: ServerResponse) => {
    if (
      fault !== undefined &&
      incoming.method === fault.method &&
      fault.path.test(incoming.url ?? '')
    ) {
      hits += 1;
      answer.writeHead(fault.status, {
        'content-type': 'application/json',
        'x-openstack-request-id': `req-proxy-${hits}`,
      });
      answer.end(
        JSON.stringify({
          error: { code: fault.status, message: 'the proxy answers in place of the service' },
        }),
      );
      return;
    }
    const options = {
      method: incoming.method ?? 'GET',
      headers: { ...incoming.headers, host: new URL(origin).host },
    };
    const forwarded = request(new URL(incoming.url ?? '/', origin), options, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
    });
    forwarded.once('error', () => answer.destroy());
    incoming.pipe(forwarded);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxyOrigin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const pointEndpoints = async (newUrlOf: (url: string) => string, newOrigin: string) => {
    for (const [id, url] of urls)
      await admin.call('identity', 'PATCH', `/endpoints/${id}`, {
        json: { endpoint: { url: newUrlOf(url) } },
      });
    // Each worker of Keystone has its own cache of the catalog. Six answers in a row with the new
    // endpoints show that each worker has dropped its old catalog.
    let newAnswersInARow = 0;
    await until(`the catalog leads to ${newOrigin}`, 120, async () => {
      const now = JSON.stringify((await admin.call('identity', 'GET', '/auth/catalog')).json);
      newAnswersInARow = now.includes(newOrigin) ? newAnswersInARow + 1 : 0;
      return newAnswersInARow >= 6 ? true : undefined;
    });
  };
  await pointEndpoints((url) => url.replace(origin, proxyOrigin), proxyOrigin);
  return {
    answer: (next) => {
      fault = next;
    },
    get hits() {
      return hits;
    },
    async close() {
      await pointEndpoints((url) => url, origin);
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    },
  };
}
