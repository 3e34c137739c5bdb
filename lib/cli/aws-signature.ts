import { HttpRequest } from '@smithy/core/protocols';
import { Hash } from '@smithy/core/serde';
import { SignatureV4 } from '@smithy/signature-v4';
import type { AwsCredentials } from '../engine/aws/clients.ts';
import { defaultCredentials } from '../engine/aws/default-credentials.ts';
import { readFileIfReadable } from './process.ts';
import { withApiToken } from './token.ts';
import { withKeystoneLogin } from './with-login.ts';

type Fetch = (url: string, init: RequestInit) => Promise<Response>;
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Returns the function that sends a call to the API at `baseUrl`. A call to API Gateway is signed
 * (Signature Version 4), because the API on AWS accepts only principals with the permission
 * `execute-api:Invoke`. For any other URL, the function adds an API token to a call that changes
 * something. If the API requires a token of Keystone, the function adds the token of `issueToken`
 * to every call.
 */
export function apiFetchOf(
  baseUrl: string,
  environment: Environment,
  credentials: () => Promise<AwsCredentials> = defaultCredentials(),
  send: Fetch = fetch,
  issueToken = async () => (await import('./keystone-login.ts')).keystoneToken(environment),
): Fetch {
  const region = URL.canParse(baseUrl)
    ? signatureRegionOf(new URL(baseUrl), environment)
    : undefined;
  if (region === undefined)
    return withKeystoneLogin(
      baseUrl,
      withApiToken(baseUrl, environment, readFileIfReadable, send),
      issueToken,
      send,
    );
  const signer = new SignatureV4({
    service: 'execute-api',
    region,
    credentials: async () => {
      const { sessionToken, ...keys } = await credentials();
      return sessionToken === undefined ? keys : { ...keys, sessionToken };
    },
    sha256: Hash.bind(null, 'sha256'),
  });
  const sendSigned: Fetch = async (url, init) => {
    const { protocol, hostname, host, port, pathname, searchParams } = new URL(url);
    const { headers } = await signer.sign(
      new HttpRequest({
        method: init.method ?? 'GET',
        protocol,
        hostname,
        ...(port === '' ? {} : { port: Number(port) }),
        path: pathname,
        query: Object.fromEntries(searchParams),
        headers: { ...Object.fromEntries(new Headers(init.headers)), host },
        body: typeof init.body === 'string' ? init.body : '',
      }),
    );
    const { host: _, ...signedHeaders } = headers;
    return send(url, { ...init, headers: signedHeaders });
  };
  return withKeystoneLogin(baseUrl, sendSigned, issueToken, send);
}

/** The region for the signature; `undefined` when the URL is not on AWS. */
function signatureRegionOf(
  { hostname, pathname }: URL,
  { AWS_REGION, AWS_DEFAULT_REGION }: Environment,
): string | undefined {
  const [, region] =
    /\.execute-api\.([a-z0-9-]+)\.amazonaws\.(?:com(?:\.cn)?|eu)$/.exec(hostname) ?? [];
  if (region !== undefined) return region;
  // Emulators serve APIs below this path, and their host names have no region.
  const isEmulated = pathname.startsWith('/_aws/execute-api/');
  return isEmulated ? AWS_REGION || AWS_DEFAULT_REGION || 'us-east-1' : undefined;
}
