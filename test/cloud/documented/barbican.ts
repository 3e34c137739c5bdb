import { createService, type Documented } from '../documented.ts';
import { type Call, param, Refusal, type Reply, Routes } from '../http.ts';
import { type Row, type Table, uuid } from '../resource-store.ts';
import type { Project, User } from '../rows.ts';
import type { CloudState } from '../state.ts';
import { isAdmin, ownProject } from '../tokens.ts';

export interface Secret extends Row {
  readonly name: string;
  readonly project_id: string;
  readonly creator_id: string;
  /**
   * With `project-access` false in its ACL, only its creator and the project's administrators see
   * it.
   */
  readonly isPrivate: boolean;
  readonly consumers: readonly string[];
  readonly expires_at?: number;
  readonly created_at: number;
}
interface Container extends Row {
  readonly name: string;
  readonly project_id: string;
  readonly type: 'generic' | 'rsa';
  readonly secrets: readonly string[];
  readonly consumers: readonly string[];
}
interface Order extends Row {
  readonly name: string;
  readonly project_id: string;
  readonly type: 'key' | 'asymmetric';
  readonly makes: { readonly secret_ref: string } | { readonly container_ref: string };
}
interface Quota extends Row {
  readonly secrets: number;
}

const titles: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
};
const owned = {
  owner: (row: { project_id: string }) => row.project_id,
  label: (row: { name: string }) => row.name,
};
const denied = (what: string): Refusal =>
  new Refusal(403, `${what} attempt not allowed - please review your user/project privileges`);

/**
 * Barbican as of version 15 (Zed), with its default policy. The policy of the project quotas is
 * that of 2023.2 and later (`role:admin`). Lists show the project of the token to every caller.
 */
export const barbican: Documented = {
  name: 'barbican',
  endpoint: { type: 'key-manager', path: '' },
  open(state) {
    const { store, clock } = state;
    const secrets = store.table<Secret>('barbican.secret', owned);
    const containers = store.table<Container>('barbican.container', owned);
    const orders = store.table<Order>('barbican.order', owned);
    const quotas = store.table<Quota>('barbican.project-quota', {
      owner: ({ id }) => id,
      label: () => 'project quota',
    });
    const routes = new Routes();
    const sources = { state, secrets, containers, orders, quotas };
    inside.set(state, sources);
    listings(routes, sources);
    removals(routes, sources);
    projectQuotas(routes, quotas);
    const versions = { id: 'v1', status: 'stable', links: [{ rel: 'self', href: '/v1/' }] };
    return {
      ...createService(state, {
        name: 'barbican',
        routes,
        open: { '/': () => ({ status: 300, json: { versions: { values: [versions] } } }) },
        refuse: ({ status, message, headers }) => ({
          status,
          headers,
          json: { code: status, title: titles[status] ?? 'Error', description: message },
        }),
        headers: () => ({
          'openstack-api-version': 'key-manager 1.0',
          vary: 'openstack-api-version',
        }),
      }),
      seed(project: Project, user: User) {
        const mine = { project_id: project.id, creator_id: user.id, created_at: clock.now() };
        const secret = (name: string, more: Partial<Secret> = {}) =>
          secrets.add({ id: uuid(), name, isPrivate: false, consumers: [], ...mine, ...more });
        const certificate = secret('certificate', { consumers: ['listener'] });
        const key = secret('private-key', { isPrivate: true });
        const volumeKey = secret('volume-key');
        const pair = containers.add({
          id: uuid(),
          name: 'pair',
          project_id: project.id,
          type: 'rsa',
          secrets: [],
          consumers: [],
        });
        containers.add({
          id: uuid(),
          name: 'tls',
          project_id: project.id,
          type: 'generic',
          secrets: [certificate.id, key.id],
          consumers: ['listener'],
        });
        orders.add({
          id: uuid(),
          name: 'volume-key',
          project_id: project.id,
          type: 'key',
          makes: { secret_ref: volumeKey.id },
        });
        orders.add({
          id: uuid(),
          name: 'pair',
          project_id: project.id,
          type: 'asymmetric',
          makes: { container_ref: pair.id },
        });
        quotas.add({ id: project.id, secrets: 500 });
      },
    };
  },
};

interface Tables {
  readonly state: CloudState;
  readonly secrets: Table<Secret>;
  readonly containers: Table<Container>;
  readonly orders: Table<Order>;
  readonly quotas: Table<Quota>;
}
const inside = new WeakMap<CloudState, Tables>();

/** Returns the tables of a cloud that was started with this service, so that tests can add rows. */
export function barbicanIn(state: CloudState): Tables {
  const sources = inside.get(state);
  if (!sources) throw new TypeError('this cloud has no Barbican');
  return sources;
}

const second = (row: Secret): number => Math.floor(row.created_at / 1000);
const isExpired = (row: Secret, now: number): boolean =>
  row.expires_at !== undefined && row.expires_at <= now;

function listings(routes: Routes, { state, secrets, containers, orders }: Tables): void {
  const ref = (call: Call, collection: string, id: string) => `${call.base}/v1/${collection}/${id}`;
  routes
    .on('GET', '/v1/secrets', (call) => {
      const rows = secrets.where(
        (row) => row.project_id === ownProject(call.token) && !isExpired(row, state.clock.now()),
      );
      const offset = Number(call.query.get('offset') ?? 0);
      const [last, next] = [rows[offset - 1], rows[offset]];
      // Without `sort` the database returns each page in any order. With `sort`, rows of the same
      // second may change places.
      if (offset > 0 && !call.query.has('sort')) rows.reverse();
      else if (last && next && second(last) === second(next))
        rows.splice(offset - 1, 2, next, last);
      return page(call, 'secrets', rows, (row) => ({
        name: row.name,
        status: 'ACTIVE',
        secret_type: 'opaque',
        expiration: null,
        creator_id: row.creator_id,
        secret_ref: ref(call, 'secrets', row.id),
      }));
    })
    .on('GET', '/v1/containers', (call) =>
      page(call, 'containers', ofToken(containers, call), (row) => ({
        name: row.name,
        status: 'ACTIVE',
        type: row.type,
        secret_refs: row.secrets.map((id) => ({
          name: 'part',
          secret_ref: ref(call, 'secrets', id),
        })),
        consumers: row.consumers.map((name) => ({ name, URL: `https://${name}.example` })),
        container_ref: ref(call, 'containers', row.id),
      })),
    )
    .on('GET', '/v1/orders', (call) =>
      page(call, 'orders', ofToken(orders, call), (row) => ({
        status: 'ACTIVE',
        type: row.type,
        meta: { name: row.name, algorithm: 'aes', bit_length: 256 },
        ...row.makes,
        order_ref: ref(call, 'orders', row.id),
      })),
    );
}

const ofToken = <R extends Row & { project_id: string }>(table: Table<R>, call: Call): R[] =>
  table.where((row) => row.project_id === ownProject(call.token));

/** A page has 10 rows by default, and at most 100. */
function page<R>(
  call: Call,
  collection: string,
  rows: readonly R[],
  show: (row: R) => object,
): Reply {
  const limit = Math.min(Math.max(1, Number(call.query.get('limit') ?? 10)), 100);
  const offset = Number(call.query.get('offset') ?? 0);
  const shown = rows.slice(offset, offset + limit);
  const link = (at: number) => `${call.base}/v1/${collection}?limit=${limit}&offset=${at}`;
  const links = {
    ...(offset > 0 && shown.length > 0 ? { previous: link(Math.max(0, offset - limit)) } : {}),
    ...(rows.length > offset + limit ? { next: link(offset + limit) } : {}),
  };
  return { status: 200, json: { [collection]: shown.map(show), ...links, total: rows.length } };
}

function removals(routes: Routes, { state, secrets, containers, orders }: Tables): void {
  const gone = (call: Call, table: Table<Row>, id: string): Reply => {
    if (!call.endless) table.delete(id);
    return { status: 204 };
  };
  routes
    .on('DELETE', '/v1/secrets/:id', (call) => {
      // Every caller finds the row. The policy is checked afterwards.
      const row = secrets.get(param(call, 'id'));
      if (!row || isExpired(row, state.clock.now())) throw new Refusal(404, 'Secret not found.');
      const isCreator =
        call.token?.roles.includes('creator') &&
        (row.creator_id === call.token.userId || !row.isPrivate);
      if (row.project_id !== ownProject(call.token) || (!isAdmin(call.token) && !isCreator))
        throw denied('Secret deletion');
      // Microversion 1.2, from 2026.2 on.
      const counts = /key-manager 1\.[2-9]/.test(
        String(call.headers['openstack-api-version'] ?? ''),
      );
      if (counts && row.consumers.length > 0 && call.query.get('force') !== 'true')
        throw new Refusal(409, 'Secret has consumers.');
      return gone(call, secrets, row.id);
    })
    .on('DELETE', '/v1/containers/:id', (call) => {
      const row = containers.get(param(call, 'id'));
      if (!row) throw new Refusal(404, 'Container not found.');
      if (row.project_id !== ownProject(call.token) || !isAdmin(call.token))
        throw denied('Container deletion');
      return gone(call, containers, row.id);
    })
    .on('DELETE', '/v1/orders/:id', (call) => {
      const row = orders.get(param(call, 'id'));
      if (!row || row.project_id !== ownProject(call.token))
        throw new Refusal(404, 'Order not found.');
      if (!isAdmin(call.token)) throw denied('Order deletion');
      return gone(call, orders, row.id);
    });
}

function projectQuotas(routes: Routes, quotas: Table<Quota>): void {
  const found = (call: Call): Quota => {
    if (!isAdmin(call.token)) throw denied('Project Quotas');
    const row = quotas.get(param(call, 'project'));
    if (!row) throw new Refusal(404, 'Project quotas not found.');
    return row;
  };
  routes
    .on('GET', '/v1/project-quotas/:project', (call) => {
      const { secrets } = found(call);
      return {
        status: 200,
        json: {
          project_quotas: { secrets, orders: null, containers: null, consumers: null, cas: null },
        },
      };
    })
    .on('DELETE', '/v1/project-quotas/:project', (call) => {
      const row = found(call);
      if (!call.endless) quotas.delete(row.id);
      return { status: 204 };
    });
}
