import { BlockList, isIPv4 } from 'node:net';

/** Proxies by the scheme of the call, and `NO_PROXY`. A proxy URL may contain a password. */
export interface Proxies {
  readonly http: () => string | undefined;
  readonly https: () => string | undefined;
  readonly except: string;
}

export const NO_PROXIES: Proxies = {
  http: () => undefined,
  https: () => undefined,
  except: '',
};

/**
 * Returns the proxy for a call to `https://host:port`, or `undefined`. `NO_PROXY` works as in
 * Python's `requests`: an entry matches the end of a host name, an address or a network, and `*`
 * matches everything.
 */
export function proxyFor(origin: string, proxies: Proxies): string | undefined {
  const { protocol, hostname, host } = new URL(origin);
  const proxy = protocol === 'https:' ? proxies.https() : proxies.http();
  return proxy !== undefined && !isExcepted(hostname, host, proxies.except) ? proxy : undefined;
}

function isExcepted(hostname: string, host: string, except: string): boolean {
  const names = except.toLowerCase().replaceAll(' ', '').split(',').filter(Boolean);
  if (names.includes('*')) return true;
  return names.some((name) => {
    if (isIPv4(hostname)) return hostname === name || isInNetwork(hostname, name);
    return hostname.endsWith(name) || host.endsWith(name) || `.${hostname}`.endsWith(name);
  });
}

function isInNetwork(address: string, network: string): boolean {
  const [net = '', bits = ''] = network.split('/');
  if (!isIPv4(net) || !/^\d{1,2}$/.test(bits) || Number(bits) < 1 || Number(bits) > 32)
    return false;
  const list = new BlockList();
  list.addSubnet(net, Number(bits), 'ipv4');
  return list.check(address, 'ipv4');
}
