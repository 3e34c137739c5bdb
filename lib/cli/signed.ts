import { ownCredentials } from '../engine/aws/own-credentials.ts';
import { signed } from '../engine/aws/sign.ts';

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/**
 * How the API is called. On AWS it lets in who signs with rights of his own (`execute-api:Invoke`),
 * so the calls to such a door are signed; any other is called as it is.
 */
export function callerOf(
  base: string,
  environment: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string | undefined,
  by: Fetch = fetch,
): Fetch {
  const region = URL.canParse(base) ? regionOf(new URL(base), environment) : undefined;
  if (region === undefined) return by;
  const credentials = ownCredentials(environment, readFile);
  return (url, init) => {
    const body = typeof init.body === 'string' ? init.body : '';
    const method = init.method === 'POST' || init.method === 'DELETE' ? init.method : 'GET';
    const given = Object.fromEntries(new Headers(init.headers));
    const at = { service: 'execute-api', region, credentials: credentials(), at: Date.now() };
    const { host: _, ...headers } = signed({ method, url: new URL(url), headers: given, body }, at);
    return by(url, { ...init, headers });
  };
}

/**
 * The region whose key a signature for this door is made with; `undefined` when it is no door of
 * AWS.
 */
function regionOf(
  { hostname, pathname }: URL,
  { AWS_REGION, AWS_DEFAULT_REGION }: Readonly<Record<string, string | undefined>>,
) {
  const [, region] =
    /\.execute-api\.([a-z0-9-]+)\.amazonaws\.(?:com(?:\.cn)?|eu)$/.exec(hostname) ?? [];
  // Emulators have the doors of all their APIs below this path, and the region nowhere in it.
  return (
    region ??
    (pathname.startsWith('/_aws/execute-api/')
      ? AWS_REGION || AWS_DEFAULT_REGION || 'us-east-1'
      : undefined)
  );
}
