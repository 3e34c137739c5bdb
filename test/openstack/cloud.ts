import * as z from 'zod';
import { type Credentials, readCredentials } from './credentials.ts';

/** A row as a service returned it. */
export type Row = Record<string, unknown>;
export const Row = z.record(z.string(), z.unknown());

/** Returns a field that must be text. Throws if it is not, so that a changed API is noticed. */
export function text(row: unknown, ...path: string[]): string {
  let value = row;
  for (const key of path) value = Row.parse(value)[key];
  return z.string().parse(value);
}
export const rowsOf = (json: unknown, key: string): Row[] =>
  z.array(Row).parse(Row.parse(json)[key]);

const Token = z.object({
  token: z.object({
    user: z.object({ id: z.string() }),
    project: z.object({ id: z.string() }).optional(),
    catalog: z.array(
      z.object({
        type: z.string(),
        endpoints: z.array(
          z.object({ interface: z.string(), region_id: z.string(), url: z.string() }),
        ),
      }),
    ),
  }),
});

/**
 * The services that this suite knows: their types in the catalog, and the path after the endpoint.
 */
const SERVICES = {
  identity: { types: ['identity'], version: '/v3', header: undefined },
  compute: { types: ['compute'], version: '', header: 'compute 2.79' },
  volume: { types: ['block-storage', 'volumev3', 'volume'], version: '', header: 'volume 3.62' },
  network: { types: ['network'], version: '/v2.0', header: undefined },
  image: { types: ['image'], version: '/v2', header: undefined },
  object: { types: ['object-store'], version: '', header: undefined },
  placement: { types: ['placement'], version: '', header: 'placement 1.9' },
  'key-manager': { types: ['key-manager'], version: '/v1', header: undefined },
  share: {
    types: ['shared-file-system', 'sharev2'],
    version: '/v2',
    header: 'X-OpenStack-Manila-API-Version 2.73',
  },
  orchestration: { types: ['orchestration'], version: '', header: undefined },
  workflow: { types: ['workflow', 'workflowv2'], version: '/v2', header: undefined },
  alarm: { types: ['alarm', 'alarming'], version: '/v2', header: undefined },
  message: { types: ['message', 'messaging'], version: '/v2', header: undefined },
  baremetal: { types: ['baremetal', 'bare-metal'], version: '/v1', header: undefined },
  database: { types: ['database'], version: '', header: undefined },
  'load-balancer': { types: ['load-balancer'], version: '/v2.0', header: undefined },
  dns: { types: ['dns'], version: '/v2', header: undefined },
} as const;
export type ServiceKey = keyof typeof SERVICES;

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly json: unknown;
  readonly body: string;
}
export interface Call {
  readonly json?: unknown;
  readonly body?: string | Uint8Array;
  readonly headers?: Record<string, string>;
  /** Accepted statuses in addition to 2xx. */
  readonly accept?: readonly number[];
}

/** An unexpected answer. */
export class HttpError extends Error {
  readonly status: number;
  constructor(request: string, status: number, body: string) {
    super(`${request}: ${status} ${body.slice(0, 400)}`);
    this.status = status;
  }
}
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const MAX_ATTEMPTS = 4;
const IDEMPOTENT_METHODS = ['GET', 'HEAD', 'DELETE', 'PUT'];

function headersOf(service: ServiceKey, token: string, call: Call): Record<string, string> {
  const version = SERVICES[service].header;
  // Manila has its own header.
  const [name = '', number = ''] = version?.startsWith('X-')
    ? version.split(' ')
    : ['openstack-api-version', version];
  return {
    'x-auth-token': token,
    accept: 'application/json',
    ...(version === undefined ? {} : { [name]: number }),
    ...(call.json === undefined ? {} : { 'content-type': 'application/json' }),
    ...call.headers,
  };
}

async function fetchReply(
  url: string,
  method: string,
  headers: Record<string, string>,
  body: string | Uint8Array | undefined,
): Promise<Reply> {
  const response = await fetch(url, {
    method,
    headers,
    signal: AbortSignal.timeout(CLOUD_SECONDS * 1000),
    redirect: 'manual',
    ...(body === undefined ? {} : { body: Buffer.from(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') && text !== '';
  return {
    status: response.status,
    headers: response.headers,
    body: text,
    json: isJson ? JSON.parse(text) : undefined,
  };
}

const isAccepted = ({ status }: Reply, { accept }: Call): boolean =>
  (status >= 200 && status < 300) || accept?.includes(status) === true;

function mayRetry({ status, body }: Reply, method: string): boolean {
  // A worker of Mistral 2026.2 lists actions whose code source another worker has deleted.
  const isStale = status === 404 && body.includes('Code Source not found');
  return status === 503 || (method === 'GET' && (status >= 500 || isStale));
}

/** A login: one token, its project and its catalog. */
export class Session {
  readonly token: string;
  readonly userId: string;
  readonly projectId: string;
  readonly #endpoints: ReadonlyMap<string, string>;
  constructor(
    token: string,
    userId: string,
    projectId: string,
    endpoints: ReadonlyMap<string, string>,
  ) {
    this.token = token;
    this.userId = userId;
    this.projectId = projectId;
    this.#endpoints = endpoints;
  }

  has(service: ServiceKey): boolean {
    return this.#endpoints.has(service);
  }

  /**
   * Returns the endpoint of a service; for Swift, that of another account if `account` is given.
   */
  endpoint(service: ServiceKey, account?: string): string {
    const url = this.#endpoints.get(service);
    if (url === undefined) throw new Error(`this cloud has no ${service} service`);
    return account === undefined ? url : url.replace(this.projectId, account);
  }

  /**
   * Sends one request. `path` follows the endpoint, or is a whole URL. The request is sent at most
   * four times: after no answer if the method is idempotent, after 503, and for GET after any other
   * 5xx and after a stale answer of Mistral. Throws {@link HttpError} for every other status that is
   * not accepted.
   */
  async call(service: ServiceKey, method: string, path: string, call: Call = {}): Promise<Reply> {
    const url = path.startsWith('http') ? path : `${this.endpoint(service)}${path}`;
    const headers = headersOf(service, this.token, call);
    const body = call.json === undefined ? call.body : JSON.stringify(call.json);
    for (let attempt = 1; ; attempt++) {
      const isLast = attempt >= MAX_ATTEMPTS;
      const reply = await fetchReply(url, method, headers, body).catch((error: unknown) => {
        if (isLast || !IDEMPOTENT_METHODS.includes(method))
          throw new Error(`${method} ${url}: ${String(error)}`, { cause: error });
        return undefined;
      });
      if (reply && isAccepted(reply, call)) return reply;
      if (reply && (isLast || !mayRetry(reply, method)))
        throw new HttpError(`${method} ${url}`, reply.status, reply.body);
      await pause(attempt * 500);
    }
  }

  /** Returns all rows of a collection, page by page. */
  async rows(
    service: ServiceKey,
    path: string,
    key: string,
    headers: Record<string, string> = {},
  ): Promise<Row[]> {
    const rows: Row[] = [];
    for (let next: string | undefined = path; next !== undefined; ) {
      const { json } = await this.call(service, 'GET', next, { headers });
      const page = Row.parse(json);
      rows.push(...rowsOf(page, key));
      const links = z
        .array(z.object({ rel: z.string(), href: z.string() }))
        .safeParse(page[`${key}_links`]);
      const following: string | undefined = links.data?.find((link) => link.rel === 'next')?.href;
      const glance = typeof page.next === 'string' ? page.next.replace(/^\/v2/, '') : undefined;
      // Designate's links contain another address.
      const designate = z.object({ links: z.object({ next: z.string() }) }).safeParse(page).data
        ?.links.next;
      next =
        following ?? glance ?? (designate && `${path.split('?')[0]}${new URL(designate).search}`);
    }
    return rows;
  }
}

/**
 * A real OpenStack. The suite has its own client, which shares no code with the code under test.
 */
export class Cloud {
  readonly #credentials: Credentials;
  readonly admin: Session;
  readonly #members = new Map<string, Session>();
  private constructor(credentials: Credentials, admin: Session) {
    this.#credentials = credentials;
    this.admin = admin;
  }

  /** Logs in as the administrator of the environment variables. */
  static async connect(env: NodeJS.ProcessEnv = process.env): Promise<Cloud> {
    const credentials = readCredentials(env);
    return new Cloud(credentials, await login(credentials));
  }

  /** Logs in as a user with a password, scoped to a project. */
  async logInAs(
    user: { readonly id: string; readonly password: string },
    projectId: string,
  ): Promise<Session> {
    const identity = { methods: ['password'], password: { user } };
    const session = await login({
      ...this.#credentials,
      identity,
      scope: { project: { id: projectId } },
    });
    this.#members.set(projectId, session);
    return session;
  }
  /**
   * Returns the last login on a project. Barbican shows the resources of a project to no other
   * user.
   */
  memberOf(projectId: string): Session | undefined {
    return this.#members.get(projectId);
  }
  /**
   * Logs in as the administrator with another scope, which requires a password: the system, or a
   * project on which the administrator has a role.
   */
  adminSessionWith(
    scope:
      | { readonly system: { readonly all: true } }
      | { readonly project: { readonly id: string } },
  ): Promise<Session> {
    return login({ ...this.#credentials, scope });
  }
  get authUrl(): string {
    return this.#credentials.authUrl;
  }
  get region(): string | undefined {
    return this.#credentials.region;
  }
}

async function login(credentials: Credentials): Promise<Session> {
  const scope = credentials.scope === undefined ? {} : { scope: credentials.scope };
  const response = await fetch(`${credentials.authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth: { identity: credentials.identity, ...scope } }),
    signal: AbortSignal.timeout(60_000),
  });
  const body = await response.text();
  if (!response.ok) throw new HttpError('login', response.status, body);
  const { token } = Token.parse(JSON.parse(body));
  const endpoints = new Map<string, string>([['identity', credentials.authUrl]]);
  for (const [service, { types, version }] of Object.entries(SERVICES)) {
    const entry = types
      .map((type) => token.catalog.find((one) => one.type === type))
      .find((one) => one !== undefined);
    const matchingEndpoints = entry?.endpoints.filter(
      (one) =>
        one.interface === credentials.interface &&
        (credentials.region ?? one.region_id) === one.region_id,
    );
    const url = matchingEndpoints?.[0]?.url.replace(/\/+$/, '');
    if (url !== undefined && service !== 'identity')
      endpoints.set(service, url.endsWith(version) ? url : url + version);
  }
  return new Session(
    z.string().parse(response.headers.get('x-subject-token')),
    token.user.id,
    token.project?.id ?? '',
    endpoints,
  );
}

/**
 * Seconds within which a cloud creates a resource, or ends a change, on a busy machine as well. An
 * idle machine needs a fraction.
 */
export const CLOUD_SECONDS = 600;

/**
 * Calls `check` until it returns a value, and returns this value. Throws an error of `check`. After
 * `seconds` without a value, throws an error with the description of the expected state.
 */
export async function until<T>(
  description: string,
  seconds: number,
  check: () => Promise<T | undefined>,
  everyMilliseconds = 400,
): Promise<T> {
  for (const end = Date.now() + seconds * 1000; ; ) {
    const value = await check();
    if (value !== undefined) return value;
    if (Date.now() > end) throw new Error(`waited ${seconds} s in vain: ${description}`);
    await pause(everyMilliseconds);
  }
}
