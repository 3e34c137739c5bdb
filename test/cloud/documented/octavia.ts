import * as z from 'zod';
import { createService, type Documented, finishLater } from '../documented.ts';
import { body, type Call, param, Refusal, type Reply, Routes } from '../http.ts';
import { addPort } from '../neutron-networks.ts';
import { addresses } from '../neutron-shape.ts';
import { page } from '../paging.ts';
import { isoSeconds, type Row, type Table, uuid } from '../resource-store.ts';
import type { Project } from '../rows.ts';
import type { CloudState } from '../state.ts';
import { isAdmin } from '../tokens.ts';

export interface LoadBalancer extends Row {
  readonly name: string;
  readonly project_id: string;
  provisioning_status: string;
  admin_state_up: boolean;
  /** The driver of the load balancer. Every driver except `amphora` is disabled. */
  provider: string;
  readonly vip_port_id: string;
  readonly listeners: string[];
  readonly pools: string[];
  readonly created_at: number;
  updated_at: number | null;
  /** This number of deletions ends in ERROR. */
  failing: number;
}

const LIMITS = [
  'loadbalancer',
  'listener',
  'member',
  'pool',
  'healthmonitor',
  'l7policy',
  'l7rule',
] as const;
/** The id is that of the project. The row stays forever: a DELETE sets its limits to null. */
export interface Quota extends Row {
  limits: Partial<Record<(typeof LIMITS)[number], number | null>>;
}

export interface Tables {
  readonly state: CloudState;
  readonly loadBalancers: Table<LoadBalancer>;
  readonly quotas: Table<Quota>;
  /** As of 2026.2: a GET or a DELETE of a quota writes the defaults into the row of the project. */
  writesDefaults: boolean;
  /** With a negative [api_settings] pagination_max_limit. */
  hasNegativePageLimit: boolean;
}

/** The limits of the cloud in the rehearsal: none. */
const DEFAULT_LIMIT = -1;
const inside = new WeakMap<CloudState, Tables>();

/** Returns the tables of a cloud that was started with this service, so that tests can add rows. */
export function octaviaIn(state: CloudState): Tables {
  const sources = inside.get(state);
  if (!sources) throw new TypeError('this cloud has no Octavia');
  return sources;
}

/** Octavia as of version 11 (Zed), seen with the amphora driver over no-op compute and network. */
export const octavia: Documented = {
  name: 'octavia',
  endpoint: { type: 'load-balancer', path: '' },
  open(state) {
    const { store } = state;
    const sources: Tables = {
      state,
      loadBalancers: store.table<LoadBalancer>('octavia.load-balancer', {
        owner: (row) => row.project_id,
        label: (row) => row.name,
      }),
      quotas: store.table<Quota>('octavia.quota', {
        owner: (row) =>
          Object.values(row.limits).some((limit) => (limit ?? DEFAULT_LIMIT) !== DEFAULT_LIMIT)
            ? row.id
            : undefined,
        label: () => 'quota',
      }),
      writesDefaults: false,
      hasNegativePageLimit: false,
    };
    inside.set(state, sources);
    const routes = new Routes();
    loadBalancers(routes, sources);
    quotas(routes, sources);
    return {
      ...createService(state, {
        name: 'octavia',
        routes,
        open: {
          '/': () => ({ status: 200, json: { versions: [{ id: 'v2.26', status: 'CURRENT' }] } }),
        },
        refuse: ({ status, message, headers }) => ({
          status,
          headers,
          json: {
            faultcode: status < 500 ? 'Client' : 'Server',
            faultstring: message,
            debuginfo: null,
          },
        }),
      }),
      seed(project) {
        addLoadBalancer(sources, project, 'web', { listeners: [uuid(), uuid()], pools: [uuid()] });
        addLoadBalancer(sources, project, 'bare');
        addLoadBalancer(sources, project, 'broken', {
          provisioning_status: 'ERROR',
          updated_at: null,
        });
        sources.quotas.add({ id: project.id, limits: { loadbalancer: 7, listener: null } });
      },
    };
  },
};

/** A load balancer with its VIP port on the project's first network. */
export function addLoadBalancer(
  { state, loadBalancers: table }: Tables,
  project: Project,
  name: string,
  more: Partial<LoadBalancer> = {},
) {
  const [network] = state.network.networks.where((row) => row.project_id === project.id);
  if (!network) throw new TypeError(`${project.name} has no network for a load balancer`);
  const id = uuid();
  const port = addPort(state, project.id, {
    name: `octavia-lb-${id}`,
    network_id: network.id,
    device_owner: 'Octavia',
    device_id: `lb-${id}`,
    security_groups: [],
  });
  return table.add({
    id,
    name,
    project_id: project.id,
    provisioning_status: 'ACTIVE',
    admin_state_up: true,
    provider: 'amphora',
    vip_port_id: port.id,
    listeners: [],
    pools: [],
    created_at: state.clock.now() - 3_600_000 * 24,
    updated_at: state.clock.now() - 3_600_000 * 23,
    failing: 0,
    ...more,
  });
}

/** A time without a zone, which means UTC. */
const time = (at: number): string => isoSeconds(at).slice(0, -1);

function show(row: LoadBalancer, state: CloudState): Record<string, unknown> {
  const port = state.network.ports.get(row.vip_port_id);
  const children = (ids: readonly string[]) => ids.map((id) => ({ id }));
  return {
    listeners: children(row.listeners),
    pools: children(row.pools),
    id: row.id,
    name: row.name,
    description: '',
    provisioning_status: row.provisioning_status,
    operating_status: 'ONLINE',
    admin_state_up: row.admin_state_up,
    project_id: row.project_id,
    created_at: time(row.created_at),
    updated_at: row.updated_at === null ? null : time(row.updated_at),
    vip_address: (port && addresses(port)[0]?.ip_address) ?? '198.51.100.1',
    vip_port_id: row.vip_port_id,
    additional_vips: [],
    provider: row.provider,
    flavor_id: null,
    tags: [],
    availability_zone: null,
    tenant_id: row.project_id,
  };
}

/** By default a member needs a role of Octavia's own. */
function authorize(call: Call): void {
  if (!isAdmin(call.token) && !call.token?.roles.some((role) => role.startsWith('load-balancer_')))
    throw new Refusal(403, 'Policy does not allow this request to be performed.');
}

function loadBalancers(routes: Routes, sources: Tables): void {
  const { state, loadBalancers: table } = sources;
  const one = (call: Call): LoadBalancer => {
    authorize(call);
    const row = table.get(param(call, 'id'));
    if (!row) throw new Refusal(404, `Load Balancer ${param(call, 'id')} not found.`);
    return row;
  };
  const change = (row: LoadBalancer, status: string): void => {
    row.provisioning_status = status;
    row.updated_at = state.clock.now();
  };
  routes
    .on('GET', '/v2.0/lbaas/loadbalancers', (call) => {
      authorize(call);
      const wanted = call.query.get('project_id');
      const rows = table.where((row) => wanted === null || row.project_id === wanted);
      return listing(call, 'loadbalancers', rows, (row) => show(row, state), sources);
    })
    .on('GET', '/v2.0/lbaas/loadbalancers/:id', (call) => ({
      status: 200,
      json: { loadbalancer: show(one(call), state) },
    }))
    .on('PUT', '/v2.0/lbaas/loadbalancers/:id', (call) => {
      const row = one(call);
      if (row.provisioning_status !== 'ACTIVE')
        throw new Refusal(
          409,
          `Invalid state ${row.provisioning_status} of loadbalancer resource ${row.id}`,
        );
      const shape = z.object({ loadbalancer: z.object({ admin_state_up: z.boolean() }) });
      const { admin_state_up } = body(call, shape).loadbalancer;
      change(row, 'PENDING_UPDATE');
      finishLater(state, call, state.options.durations.documented, () => {
        row.admin_state_up = admin_state_up;
        change(row, 'ACTIVE');
      });
      return { status: 200, json: { loadbalancer: show(row, state) } };
    })
    // The fields of a load balancer that show its certificates. No load balancer of this fake has
    // one.
    .on('GET', '/v2.0/lbaas/listeners', (call) =>
      listing(call, 'listeners', [], () => undefined, sources),
    )
    .on('GET', '/v2.0/lbaas/pools', (call) => listing(call, 'pools', [], () => undefined, sources))
    .on('DELETE', '/v2.0/lbaas/loadbalancers/:id', (call) => {
      const row = one(call);
      if (row.provider !== 'amphora')
        throw new Refusal(400, `Provider '${row.provider}' is not enabled.`);
      if (row.listeners.length + row.pools.length > 0 && call.query.get('cascade') !== 'true')
        throw new Refusal(
          400,
          `Validation failure: Cannot delete Load Balancer ${row.id} - it has children`,
        );
      if (!['ACTIVE', 'ERROR'].includes(row.provisioning_status))
        throw new Refusal(
          409,
          `Invalid state ${row.provisioning_status} of loadbalancer resource ${row.id}`,
        );
      change(row, 'PENDING_DELETE');
      finishLater(state, call, state.options.durations.documented, () => {
        if (row.failing > 0) {
          row.failing -= 1;
          change(row, 'ERROR');
          return;
        }
        // The worker continues without the port, and traffic is lost.
        if (!state.network.ports.delete(row.vip_port_id))
          state.sideEffects.push(`the VIP port of load balancer ${row.name} went before it`);
        table.delete(row.id);
      });
      return { status: 204 };
    });
}

/**
 * Octavia also links to the page before. Its links lack the filters. With a negative page limit,
 * the database refuses each limit, and every row is followed by a link.
 */
function listing<T extends Row>(
  call: Call,
  key: string,
  rows: T[],
  view: (row: T) => unknown,
  { state, hasNegativePageLimit }: Tables,
): Reply {
  if (hasNegativePageLimit && call.query.has('limit'))
    throw new Refusal(500, '(pymysql.err.ProgrammingError) (1064, "You have an error")');
  const max = hasNegativePageLimit ? Math.max(1, rows.length) : state.options.pageLimit;
  const missing = (marker: string) =>
    new Refusal(400, `Supplied pagination marker '${marker}' is not valid.`);
  const href = `${call.base}${call.path}`;
  const cut = page(call, rows, (row) => row.id, { max, href, missing });
  const at = (id: string | undefined, more = '') =>
    `${href}?limit=${call.query.get('limit') ?? max}&marker=${id}${more}`;
  const previous =
    call.query.has('marker') && cut.rows[0]
      ? [{ rel: 'previous', href: at(cut.rows[0].id, '&page_reverse=True') }]
      : [];
  const next = cut.links ? [{ rel: 'next', href: at(cut.rows.at(-1)?.id) }] : [];
  return {
    status: 200,
    json: { [key]: cut.rows.map(view), [`${key}_links`]: [...previous, ...next] },
  };
}

function quotas(routes: Routes, sources: Tables): void {
  const { quotas: table } = sources;
  const showQuota = ({ id, limits }: Quota) => ({
    project_id: id,
    ...Object.fromEntries(LIMITS.map((name) => [name, limits[name] ?? null])),
    load_balancer: limits.loadbalancer ?? null,
    health_monitor: limits.healthmonitor ?? null,
    tenant_id: id,
  });
  const defaults = Object.fromEntries(LIMITS.map((name) => [name, DEFAULT_LIMIT]));
  const fill = (row: Quota): void => {
    const set = Object.entries(row.limits).filter(([, limit]) => limit !== null);
    if (sources.writesDefaults) row.limits = { ...defaults, ...Object.fromEntries(set) };
  };
  routes
    .on('GET', '/v2.0/lbaas/quotas/:id/default', (call) => {
      authorize(call);
      return {
        status: 200,
        json: { quota: showQuota({ id: param(call, 'id'), limits: defaults }) },
      };
    })
    .on('GET', '/v2.0/lbaas/quotas/:id', (call) => {
      authorize(call);
      const row = table.get(param(call, 'id'));
      if (row) fill(row);
      return { status: 200, json: { quota: { ...defaults, ...row?.limits } } };
    })
    .on('GET', '/v2.0/lbaas/quotas', (call) => {
      authorize(call);
      const wanted = call.query.get('project_id');
      const rows = table.where((row) => wanted === null || row.id === wanted);
      return listing(call, 'quotas', rows, showQuota, sources);
    })
    .on('PUT', '/v2.0/lbaas/quotas/:id', (call) => {
      authorize(call);
      const { quota } = body(
        call,
        z.object({ quota: z.partialRecord(z.enum(LIMITS), z.number()) }),
      );
      const row = table.get(param(call, 'id')) ?? table.add({ id: param(call, 'id'), limits: {} });
      row.limits = { ...row.limits, ...quota };
      return { status: 202, json: { quota: row.limits } };
    })
    .on('DELETE', '/v2.0/lbaas/quotas/:id', (call) => {
      authorize(call);
      const row = table.get(param(call, 'id'));
      if (!row) throw new Refusal(404, `Quotas ${param(call, 'id')} not found.`);
      if (!call.endless) row.limits = {};
      fill(row);
      return { status: 202 };
    });
}
