import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import { type Proxies, proxyFor } from './proxies.ts';
import { type HttpClient, MAX_RESPONSE_BYTES, type Timeouts, type Tls } from './transport.ts';

/** An HTTP client over undici, for processes outside Lambda. */
export function createUndiciClient(tls: Tls, timeouts: Timeouts, proxies: Proxies): HttpClient {
  const connectOptions = {
    timeout: timeouts.connectSeconds * 1000,
    rejectUnauthorized: tls.verify,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert, key: tls.key?.() }),
  };
  const commonOptions = {
    headersTimeout: timeouts.answerSeconds * 1000,
    bodyTimeout: timeouts.answerSeconds * 1000,
    maxResponseSize: MAX_RESPONSE_BYTES,
  };
  const agent = new Agent({ ...commonOptions, connect: connectOptions });
  const proxyAgents = new Map<string, ProxyAgent>();
  const agentFor = (origin: string): Dispatcher => {
    const uri = proxyFor(origin, proxies);
    if (uri === undefined) return agent;
    // Plain HTTP goes to the proxy without a tunnel, as in other OpenStack tools.
    const proxyAgent =
      proxyAgents.get(uri) ??
      new ProxyAgent({ ...commonOptions, uri, requestTls: connectOptions, proxyTunnel: false });
    proxyAgents.set(uri, proxyAgent);
    return proxyAgent;
  };
  return {
    async send({ origin, path, method, headers, body, signal }) {
      const request = { origin, path, method, headers, body: body ?? null, signal };
      const answer = await agentFor(origin).request(request);
      const text = await answer.body.text();
      return { status: answer.statusCode, headers: toHeaders(answer.headers), text };
    },
    close: async () => {
      await Promise.all([agent, ...proxyAgents.values()].map((one) => one.destroy()));
    },
  };
}

function toHeaders(headers: Dispatcher.ResponseData['headers']): Headers {
  const pairs = Object.entries(headers).flatMap(([name, value = []]) =>
    [value].flat().map((one): [string, string] => [name, one]),
  );
  return new Headers(pairs);
}
