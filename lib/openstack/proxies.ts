import { BlockList, isIPv4 } from 'node:net';

/**
 * The URLs of the proxies, by the scheme of the call. They are functions, so that printing this
 * object does not print the password that a URL may contain.
 */
export interface Proxies {
  readonly http: () => string | undefined;
  readonly https: () => string | undefined;
  /** The value of `NO_PROXY`. */
  readonly noProxy: string;
}

export const NO_PROXIES: Proxies = {
  http: () => undefined,
  https: () => undefined,
  noProxy: '',
};

/**
 * Returns the proxy for a call to `https://host:port`, or `undefined`. `NO_PROXY` works as in
 * Python's `requests`: an entry is the end of a host name, an address, a network, or `*`, which
 * matches every host.
 */
export function proxyFor(origin: string, proxies: Proxies): string | undefined {
  const { protocol, hostname, host } = new URL(origin);
  const proxy = protocol === 'https:' ? proxies.https() : proxies.http();
  return proxy !== undefined && !isInNoProxy(hostname, host, proxies.noProxy) ? proxy : undefined;
}

function isInNoProxy(hostname: string, host: string, noProxy: string): boolean {
  const entries = noProxy.toLowerCase().replaceAll(' ', '').split(',').filter(Boolean);
  if (entries.includes('*')) return true;
  return entries.some((entry) => {
    if (isIPv4(hostname)) return hostname === entry || isInNetwork(hostname, entry);
    return hostname.endsWith(entry) || host.endsWith(entry) || `.${hostname}`.endsWith(entry);
  });
}

function isInNetwork(address: string, network: string): boolean {
  const [net = '', bits = ''] = network.split('/');
  if (!isIPv4(net) || !/^\d{1,2}$/.test(bits) || Number(bits) < 1 || Number(bits) > 32)
    return false;
  const blockList = new BlockList();
  blockList.addSubnet(net, Number(bits), 'ipv4');
  return blockList.check(address, 'ipv4');
}
