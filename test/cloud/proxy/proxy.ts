import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, forward, type ProxyCall } from './forward.ts';
import { type Registry, rewriteRegistry } from './registry.ts';
import { type ActiveRule, type ProxyRule, RuleSet } from './rules.ts';

export type { Answer, ProxyCall } from './forward.ts';
export * from './registry.ts';
export type { ActiveRule, Effect, ProxyRule } from './rules.ts';

/**
 * A reverse proxy on loopback before a real OpenStack or the rehearsal cloud. Keystone and every
 * service of the catalog get their own listener. All URLs in answers lead to the proxy.
 */
export interface CloudProxy {
  /** Keystone behind the proxy, up to `/v3`: `OS_AUTH_URL`. */
  readonly url: string;
  /** Every call through the proxy, in order. Empty it with `calls.length = 0`. */
  readonly calls: ProxyCall[];
  /** Changes answers from now on; rules apply in the order in which they were added. */
  add(rule: ProxyRule): ActiveRule;
  /**
   * Changes the services that the cloud shows: the catalog of every token, `GET /v3/services` and
   * `GET /v3/endpoints`. `undefined` shows them unchanged. The change is called for each answer.
   */
  registry: ((registry: Registry) => Registry) | undefined;
  /** Removes all rules and the change of the registry. */
  clear(): void;
  close(): Promise<void>;
}

/** Starts the proxy before the Keystone at `authUrl` (`http://127.0.0.1:5000/v3`). */
export async function startProxy(authUrl: string): Promise<CloudProxy> {
  const rules = new RuleSet();
  const calls: ProxyCall[] = [];
  const servers: Server[] = [];
  /** The listener of each upstream origin. */
  const listeners = new Map<string, Promise<string>>();
  const keystone = new URL(authUrl);
  const ended = new AbortController();

  const listenerOf = (origin: string): Promise<string> => {
    const known =
      listeners.get(origin) ?? listen((request, response) => void serve(origin, request, response));
    listeners.set(origin, known);
    return known;
  };
  const listen = async (
    handle: (request: IncomingMessage, response: ServerResponse) => void,
  ): Promise<string> => {
    const server = createServer(handle);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  /** Opens a listener for each service that the catalog names, then replaces all known origins. */
  const redirect = async (text: string): Promise<string> => {
    let changed = text;
    for (const [origin, listener] of listeners)
      changed = changed.replaceAll(origin, await listener);
    return changed;
  };
  const openListeners = async (json: unknown): Promise<void> => {
    for (const url of urlsOf(json)) await listenerOf(new URL(url).origin);
  };

  const answerTo = async (
    call: ProxyCall,
    body: Buffer,
    applied: readonly ProxyRule[],
  ): Promise<Answer> => {
    for (const { effect } of applied) {
      if (effect.does === 'delay')
        await delay(effect.milliseconds, undefined, { signal: ended.signal });
      if (effect.does === 'answer')
        return { status: effect.status, headers: effect.headers ?? {}, text: effect.text ?? '' };
    }
    let answer = await forward(call, body);
    const change = call.origin === keystone.origin ? proxy.registry : undefined;
    answer = rewriteRegistry(answer, call, change);
    for (const { effect } of applied)
      if (effect.does === 'change')
        answer = { ...answer, text: JSON.stringify(effect.json(JSON.parse(answer.text), call)) };
    return answer;
  };

  const serve = async (
    origin: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    const { method = 'GET', url = '/', headers } = request;
    const call: ProxyCall = { origin, method, path: url, headers };
    calls.push(call);
    const applied = rules.rulesFor(call);
    if (applied.some(({ effect }) => effect.does === 'reset')) return void request.socket.destroy();
    if (applied.some(({ effect }) => effect.does === 'hang')) return;
    try {
      const answer = await answerTo(call, Buffer.concat(pieces), applied);
      if (origin === keystone.origin && /\/auth\/tokens$|\/(endpoints|services)\b/.test(url))
        await openListeners(parsed(answer.text));
      const body = Buffer.from(await redirect(answer.text), answer.encoding ?? 'utf8');
      const location = answer.headers.location;
      const moved = typeof location === 'string' ? { location: await redirect(location) } : {};
      response.writeHead(answer.status, {
        ...answer.headers,
        ...moved,
        ...lengthOf(method, body, answer),
      });
      const drip = applied.map(({ effect }) => effect).find((effect) => effect.does === 'drip');
      if (drip) await send(response, body, drip, ended.signal);
      response.end(drip ? undefined : body);
    } catch {
      response.destroy();
    }
  };

  const proxy: CloudProxy = {
    url: `${await listenerOf(keystone.origin)}${keystone.pathname}`,
    calls,
    add: (rule) => rules.add(rule),
    registry: undefined,
    clear() {
      rules.clear();
      proxy.registry = undefined;
    },
    async close() {
      ended.abort();
      for (const server of servers) server.closeAllConnections();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
  return proxy;
}

/** A HEAD keeps the length that the service announced; it has no body to count. */
const lengthOf = (method: string, body: Buffer, { headers }: Answer): Record<string, string> =>
  method === 'HEAD'
    ? typeof headers['content-length'] === 'string'
      ? { 'content-length': headers['content-length'] }
      : {}
    : { 'content-length': String(body.length) };

async function send(
  response: ServerResponse,
  body: Buffer,
  { bytes, everyMilliseconds }: { readonly bytes: number; readonly everyMilliseconds: number },
  signal: AbortSignal,
): Promise<void> {
  for (let at = 0; at < body.length && !response.destroyed; at += bytes) {
    response.write(body.subarray(at, at + bytes));
    await delay(everyMilliseconds, undefined, { signal });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Every `url` in a JSON value that names a server: endpoints of a catalog or of a list. */
function urlsOf(json: unknown): string[] {
  if (typeof json !== 'object' || json === null) return [];
  return Object.entries(json).flatMap(([key, value]) =>
    key === 'url' && typeof value === 'string' && /^http:\/\//.test(value) && URL.canParse(value)
      ? [value]
      : urlsOf(value),
  );
}
