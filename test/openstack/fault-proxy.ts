import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Cloud, rowsOf, text, until } from './cloud.ts';

/** A proxy in front of a service of the real cloud, which can answer in place of the service. */
export interface FaultProxy {
  /**
   * From now on matching requests get this status. `undefined`: all requests reach the service
   * again.
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
 * Starts a proxy on loopback for a service. Its endpoints in Keystone's catalog pointEndpoints to the proxy
 * until `close`, for every user of the catalog.
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
    const through = request(new URL(incoming.url ?? '/', origin), options, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
    });
    through.once('error', () => answer.destroy());
    incoming.pipe(through);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const here = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const pointEndpoints = async (to: (url: string) => string, seen: string) => {
    for (const [id, url] of urls)
      await admin.call('identity', 'PATCH', `/endpoints/${id}`, {
        json: { endpoint: { url: to(url) } },
      });
    // Each worker of Keystone has its own cache of the catalog. All of them must have dropped the
    // old one.
    let inARow = 0;
    await until(`the catalog leads to ${seen}`, 120, async () => {
      const now = JSON.stringify((await admin.call('identity', 'GET', '/auth/catalog')).json);
      inARow = now.includes(seen) ? inARow + 1 : 0;
      return inARow >= 6 ? true : undefined;
    });
  };
  await pointEndpoints((url) => url.replace(origin, here), here);
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
