import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ServiceName } from '../../../events/ids.ts';
import type { Cloud } from '../../../lib/openstack/cloud.ts';
import { type ConnectOptions, connectCloud } from '../../../lib/openstack/connect.ts';
import { type Credentials, readCredentials } from '../../../lib/openstack/credentials.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import type { ServiceApi } from '../../../lib/task/service.ts';

export const PASSWORD = 'correct-horse-battery';
export const OWN_PROJECT = '0123456789abcdef0123456789abcdef';

export interface ReceivedRequest {
  readonly method: string;
  /** Path and query, unchanged. */
  readonly url: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
/** Answers one request. */
export type Script = (request: ReceivedRequest, response: ServerResponse) => unknown;

/**
 * A loopback server for a whole cloud with one prefix for each service: `/identity`, `/network`, …
 * It answers logins with a new token. A test scripts all other answers.
 */
export interface ScriptedCloud {
  readonly origin: string;
  readonly credentials: Credentials;
  readonly requests: ReceivedRequest[];
  /** Issued tokens, oldest first. */
  readonly tokens: string[];
  /** Tokens that services accept; remove one to revoke it. */
  readonly validTokens: Set<string>;
  /** The lifetime of the next tokens. */
  tokenLifetimeSeconds: number;
  /** If set, it answers each login in place of the cloud. */
  answerLogin: Script | undefined;
  /** Answers a login with a new token, for use in {@link ScriptedCloud.answerLogin}. */
  answerWithToken(response: ServerResponse): void;
  /** Answers each request that is not a login and has a valid token. */
  script: Script;
  connect(options?: ConnectOptions): Cloud;
  network(options?: ConnectOptions): Promise<ServiceApi>;
  close(): Promise<void>;
}

export const sendJson = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void => {
  response
    .writeHead(status, { 'content-type': 'application/json', ...headers })
    .end(JSON.stringify(body));
};

export const NETWORK = {
  name: ServiceName.parse('neutron'),
  catalogTypes: ['network'],
  microversion: undefined,
  concurrency: 4,
};

export async function startScriptedCloud(): Promise<ScriptedCloud> {
  const clouds: Cloud[] = [];
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const url = incoming.url ?? '/';
      const { pathname, searchParams } = new URL(url, 'http://any.invalid');
      const request: ReceivedRequest = {
        method: incoming.method ?? '',
        url,
        path: pathname,
        query: searchParams,
        headers: incoming.headers,
        body: Buffer.concat(chunks).toString(),
      };
      cloud.requests.push(request);
      if (pathname === '/identity/v3/auth/tokens' && request.method === 'POST')
        return cloud.answerLogin ? cloud.answerLogin(request, response) : answerWithToken(response);
      if (!cloud.validTokens.has(String(request.headers['x-auth-token'])))
        return sendJson(response, 401, { error: { message: 'no such token' } });
      return cloud.script(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const answerWithToken = (response: ServerResponse): void => {
    const token = `gAAAA-secret-token-${cloud.tokens.length + 1}`;
    cloud.tokens.push(token);
    cloud.validTokens.add(token);
    const endpoints = (path: string) => [
      { interface: 'public', region_id: 'RegionOne', url: `${origin}${path}` },
    ];
    const body = {
      token: {
        user: { id: 'cleaner-user' },
        roles: [{ id: 'role-admin', name: 'admin' }],
        issued_at: '2030-01-01T00:00:00.000000Z',
        expires_at: new Date(
          Date.parse('2030-01-01T00:00:00Z') + cloud.tokenLifetimeSeconds * 1000,
        ).toISOString(),
        project: { id: OWN_PROJECT, name: 'cleaner', domain: { id: 'default', name: 'Default' } },
        catalog: [
          { type: 'network', name: 'neutron', endpoints: endpoints('/network') },
          { type: 'compute', name: 'nova', endpoints: endpoints('/compute/v2.1') },
          { type: 'volumev3', name: 'cinder', endpoints: endpoints(`/volume/v3/${OWN_PROJECT}/`) },
          { type: 'object-store', name: 'swift', endpoints: endpoints(`/v1/AUTH_${OWN_PROJECT}`) },
        ],
      },
    };
    sendJson(response, 201, body, { 'x-subject-token': token });
  };

  const cloud: ScriptedCloud = {
    origin,
    credentials: readCredentials({
      env: {
        OS_AUTH_URL: `${origin}/identity`,
        OS_USERNAME: 'cleaner',
        OS_PASSWORD: PASSWORD,
        OS_PROJECT_NAME: 'cleaner',
        OS_USER_DOMAIN_NAME: 'Default',
        OS_PROJECT_DOMAIN_NAME: 'Default',
      },
      readFile: () => undefined,
      home: '/nowhere',
      cwd: '/nowhere',
    }),
    requests: [],
    tokens: [],
    validTokens: new Set(),
    tokenLifetimeSeconds: 3600,
    answerLogin: undefined,
    answerWithToken,
    script: (_request, response) => sendJson(response, 500, {}),
    connect(options) {
      const connected = connectCloud(cloud.credentials, options);
      clouds.push(connected);
      return connected;
    },
    async network(options) {
      const api = await cloud.connect(options).api(NETWORK, 'RegionOne');
      if (!api) throw new Error('the scripted catalog has no network');
      return api;
    },
    async close() {
      await Promise.all(clouds.map((one) => one.close()));
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return cloud;
}

/** The report of the `PropagatorError` that a promise must be rejected with. */
export async function failureOf(promise: Promise<unknown>) {
  const error = await promise.then(
    (value) => {
      throw new Error(`it did not fail: ${JSON.stringify(value)}`);
    },
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof PropagatorError)) throw error;
  return error.report;
}
