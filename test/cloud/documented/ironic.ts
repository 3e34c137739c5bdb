import * as z from 'zod';
import { createService, type Documented, Routes } from '../documented.ts';
import { body, type Call, param, Refusal, type Reply } from '../http.ts';
import { type Resource, type Row, type Table, uuid } from '../resource-store.ts';
import type { Project } from '../rows.ts';
import type { CloudState } from '../state.ts';
import { isAdmin } from '../tokens.ts';

export interface Node extends Row {
  readonly name: string;
  owner: string | null;
  lessee: string | null;
  provision_state: string;
  instance_uuid: string | null;
  power_state?: string;
  /** The id of the node that contains this node (1.83). */
  readonly parent_node?: string;
}
export interface Allocation extends Row {
  readonly name: string;
  readonly owner: string | null;
  /** The id of its node. */
  readonly node?: string;
}
interface Runbook extends Row {
  readonly name: string;
  readonly owner: string | null;
}
interface Tables {
  readonly nodes: Table<Node>;
  readonly allocations: Table<Allocation>;
  readonly runbooks: Table<Runbook>;
}
const inside = new WeakMap<CloudState, Tables>();

/** Returns the tables of a cloud that was started with this service, so that tests can add rows. */
export function ironicIn(state: CloudState): Tables {
  const tables = inside.get(state);
  if (!tables) throw new TypeError('this cloud has no Ironic');
  return tables;
}

const MOST = 1000;
const owned = {
  owner: (row: { owner: string | null }) => row.owner ?? undefined,
  label: (row: { name: string }) => row.name,
};
const minorOf = (call: Call): number =>
  Number(/^1\.(\d+)$/.exec(String(call.headers['x-openstack-ironic-api-version'] ?? '1.1'))?.[1]);

/**
 * Ironic v1, from its source and a real one of 21.4 (2023.1, 1.82). `minor`: its highest
 * microversion. It has runbooks from 92 on.
 */
export const ironicOf = (minor: number): Documented => ({
  name: 'ironic',
  endpoint: { type: 'baremetal', path: '' },
  open(state) {
    const nodes = state.store.table<Node>('hardware.node', {
      owner: () => undefined,
      label: (row) => row.name,
    });
    const side = (resourceType: string, of: (row: Node) => string | null) =>
      state.store.source(resourceType, (project) =>
        nodes.all().flatMap((row): Resource[] => {
          const owner = of(row);
          return owner !== null && (project === undefined || owner === project)
            ? [{ resourceType, id: row.id, owner, label: row.name }]
            : [];
        }),
      );
    side('ironic.lease', (row) => row.lessee);
    side('ironic.node', (row) => row.owner);
    const tables: Tables = {
      nodes,
      allocations: state.store.table<Allocation>('ironic.allocation', owned),
      runbooks: state.store.table<Runbook>('ironic.runbook', owned),
    };
    inside.set(state, tables);
    const routes = new Routes();
    nodeRoutes(routes, nodes);
    otherRoutes(routes, tables);
    const version = (call: Call) => ({
      id: 'v1',
      min_version: '1.1',
      version: `1.${minor}`,
      links: [{ rel: 'self', href: `${call.base}/v1/` }],
    });
    const document = (call: Call) => ({
      status: 200,
      json: {
        name: 'OpenStack Ironic API',
        default_version: version(call),
        versions: [version(call)],
      },
    });
    return {
      ...createService(state, {
        name: 'ironic',
        routes,
        systemScope: true,
        open: { '/': document },
        // JSON in a text in JSON.
        refuse: ({ status, message, headers }) => {
          const fault = {
            faultcode: status < 500 ? 'Client' : 'Server',
            faultstring: message,
            debuginfo: null,
          };
          return { status, headers, json: { error_message: JSON.stringify(fault) } };
        },
        headers: () => ({ 'x-openstack-ironic-api-maximum-version': `1.${minor}` }),
      }),
      seed: (project) => seed(tables, project, minor),
    };
  },
});

export const ironic = ironicOf(92);

function seed({ nodes, allocations, runbooks }: Tables, project: Project, minor: number): void {
  const node = (name: string, more: Partial<Node>) =>
    nodes.add({
      id: uuid(),
      name,
      owner: null,
      lessee: null,
      provision_state: 'available',
      instance_uuid: null,
      ...more,
    });
  node('on-lease', { lessee: project.id });
  node('theirs', { owner: project.id, provision_state: 'manageable' });
  node('spare', {});
  const reserved = node('reserved', { lessee: project.id });
  const wish = allocations.add({ id: uuid(), name: 'wish', owner: project.id, node: reserved.id });
  reserved.instance_uuid = wish.id;
  allocations.add({ id: uuid(), name: 'in-vain', owner: project.id });
  if (minor >= 92) runbooks.add({ id: uuid(), name: 'CUSTOM_BURN_IN', owner: project.id });
  if (minor >= 92 && !runbooks.some((row) => row.owner === null))
    runbooks.add({ id: uuid(), name: 'CUSTOM_PUBLIC', owner: null });
}

/**
 * A token with system scope sees all rows. Any other token sees the rows that its project owns or
 * leases.
 */
const sees = (call: Call, ...projects: readonly (string | null)[]): boolean =>
  call.token?.system === true ||
  projects.some((project) => project !== null && project === call.token?.projectId);

function mayChange(call: Call): void {
  if (!isAdmin(call.token) || call.token?.system !== true)
    throw new Refusal(403, 'The request was denied by a policy.');
}

/** A full page has a link to the next one. The link lacks the filters of the query. */
function page<R extends Row>(
  call: Call,
  key: string,
  rows: readonly R[],
  show: (row: R) => object,
): Reply {
  const limit = Math.min(Number(call.query.get('limit') ?? MOST), MOST);
  const marker = call.query.get('marker');
  const at = marker === null ? -1 : rows.findIndex((row) => row.id === marker);
  if (marker !== null && at < 0) throw new Refusal(404, `${key} ${marker} could not be found.`);
  const shown = rows.slice(at + 1, at + 1 + limit);
  const last = shown.at(-1);
  const next =
    last && shown.length === limit
      ? { next: `${call.base}/v1/${key}?sort_key=id&sort_dir=asc&limit=${limit}&marker=${last.id}` }
      : {};
  return { status: 200, json: { [key]: shown.map(show), ...next } };
}

const patch = z.array(
  z.object({
    op: z.enum(['add', 'replace', 'remove']),
    path: z.string(),
    value: z.unknown().optional(),
  }),
);

function nodeRoutes(routes: Routes, nodes: Table<Node>): void {
  const show = ({ id: uuid, name, owner, lessee, ...row }: Node) => ({
    uuid,
    name,
    owner,
    lessee,
    provision_state: row.provision_state,
    instance_uuid: row.instance_uuid,
    power_state: row.power_state ?? 'power off',
    target_power_state: null,
    maintenance: false,
  });
  routes
    .on('GET', '/v1/nodes', (call) => {
      if (minorOf(call) < 65) throw new Refusal(406, 'Request not acceptable.');
      if (call.query.has('include_children') && minorOf(call) < 83)
        throw new Refusal(
          406,
          'Request not acceptable. The minimal required API version should be 1.83',
        );
      // Ironic hides child nodes also from calls with a microversion before 1.83.
      const withChildren = call.query.get('include_children') === 'true';
      const [owner, lessee] = ['owner', 'lessee'].map((name) =>
        call.unfiltered ? null : call.query.get(name),
      );
      const rows = nodes.where(
        (row) =>
          sees(call, row.owner, row.lessee) &&
          (withChildren || row.parent_node === undefined) &&
          (owner === null || row.owner === owner) &&
          (lessee === null || row.lessee === lessee),
      );
      return page(call, 'nodes', rows, show);
    })
    .on('PUT', '/v1/nodes/:id/states/power', (call) => {
      mayChange(call);
      const row = nodes.get(param(call, 'id'));
      if (!row) throw new Refusal(404, `Node ${param(call, 'id')} could not be found.`);
      const { target } = body(call, z.object({ target: z.string() }));
      row.power_state = target === 'power on' ? 'power on' : 'power off';
      return { status: 202 };
    })
    .on('PATCH', '/v1/nodes/:id', (call) => {
      mayChange(call);
      const row = nodes.get(param(call, 'id'));
      if (!row) throw new Refusal(404, `Node ${param(call, 'id')} could not be found.`);
      for (const { op, path } of body(call, patch)) {
        if (op !== 'remove' || (path !== '/lessee' && path !== '/owner'))
          throw new Refusal(400, `Cannot patch ${path}`);
        if (call.endless) continue;
        if (path === '/lessee') row.lessee = null;
        else row.owner = null;
      }
      return { status: 200, json: show(row) };
    });
}

function otherRoutes(routes: Routes, { nodes, allocations, runbooks }: Tables): void {
  const show = ({ id: uuid, name, owner }: Runbook) => ({ uuid, name, owner });
  routes
    .on('GET', '/v1/allocations', (call) => {
      const owner = call.unfiltered ? null : call.query.get('owner');
      const rows = allocations.where(
        (row) => sees(call, row.owner) && (owner === null || row.owner === owner),
      );
      return page(call, 'allocations', rows, show);
    })
    .on('DELETE', '/v1/allocations/:id', (call) => {
      mayChange(call);
      const row = allocations.get(param(call, 'id'));
      if (!row) throw new Refusal(404, `Allocation ${param(call, 'id')} could not be found.`);
      const node = row.node === undefined ? undefined : nodes.get(row.node);
      if (node?.provision_state === 'active')
        throw new Refusal(
          409,
          `Cannot remove allocation ${row.id} for node ${node.id}, because the node is active (and maintenance mode is off)`,
        );
      if (call.endless) return { status: 204 };
      if (node?.instance_uuid === row.id) node.instance_uuid = null;
      allocations.delete(row.id);
      return { status: 204 };
    })
    .on('GET', '/v1/runbooks', (call) => {
      if (minorOf(call) < 92) throw new Refusal(404, 'The API version does not allow runbooks');
      // The filter accepts only true and false.
      if (call.query.has('project')) throw new Refusal(400, 'Unrecognized value for project');
      // Without `detail` a row has only its UUID and its name.
      const detail = call.query.get('detail') === 'true';
      return page(
        call,
        'runbooks',
        runbooks.where((row) => row.owner === null || sees(call, row.owner)),
        (row) => (detail ? show(row) : { uuid: row.id, name: row.name }),
      );
    })
    .on('DELETE', '/v1/runbooks/:id', (call) => {
      mayChange(call);
      if (!runbooks.get(param(call, 'id')))
        throw new Refusal(404, `Runbook ${param(call, 'id')} not found.`);
      if (!call.endless) runbooks.delete(param(call, 'id'));
      return { status: 204 };
    });
}
