import { createService, type Documented } from '../documented.ts';
import { type Call, param, Refusal, type Reply, Routes } from '../http.ts';
import { isoSeconds } from '../resource-store.ts';
import type { CloudState } from '../state.ts';
import { isAdmin, ownProject } from '../tokens.ts';
import { removeStack } from './heat-deletion.ts';
import { openTables, type Resource, type Stack, seed, type Tables } from './heat-rows.ts';

export interface HeatOptions {
  /**
   * Heat 19 to 21 with `enforce_new_defaults` refuses paths of other projects to administrators,
   * too.
   */
  readonly newDefaults: boolean;
}

/** Heat as of version 19 (Zed). */
export const heatOf = (options: HeatOptions): Documented => ({
  name: 'heat',
  endpoint: { type: 'orchestration', path: '/v1/%(project_id)s' },
  open(state) {
    const tables = openTables(state);
    const routes = new Routes();
    stackRoutes(routes, state, tables, options);
    softwareRoutes(routes, tables, options);
    return {
      ...createService(state, {
        name: 'heat',
        routes,
        refuse: ({ status, message, headers }) => {
          const error = { type: 'HTTPError', traceback: null, message };
          return {
            status,
            headers,
            json: { code: status, title: 'Error', explanation: message, error },
          };
        },
      }),
      seed: (project, user) => seed(tables, project, user, state.clock.now()),
    };
  },
});
export const heat = heatOf({ newDefaults: false });

/**
 * Throws 403 unless the caller may use the project of the path. Heat then uses the project of the
 * caller and ignores the project in the path.
 */
function admit(call: Call, options: HeatOptions): void {
  const isOwn = param(call, 'project') === ownProject(call.token);
  if (!isOwn && (!isAdmin(call.token) || options.newDefaults))
    throw new Refusal(403, 'Access was denied to this resource.');
}

/** An administrator differs in two ways: the rows of all projects, and the owner of each row. */
const mine = (call: Call, row: { project_id: string }): boolean =>
  isAdmin(call.token) || row.project_id === ownProject(call.token);
const withProject = (call: Call, row: { project_id: string }) =>
  isAdmin(call.token) ? { project: row.project_id } : {};

const showStack = (call: Call, row: Stack) => ({
  id: row.id,
  links: [{ href: `${call.base}/v1/${row.project_id}/stacks/${row.name}/${row.id}`, rel: 'self' }],
  ...withProject(call, row),
  stack_name: row.name,
  description: '',
  stack_status: row.status,
  stack_status_reason: row.reason,
  creation_time: isoSeconds(row.created),
  updated_time: row.updated === null ? null : isoSeconds(row.updated),
  deletion_time: null,
  stack_owner: row.owner,
  parent: row.parent,
  tags: row.hidden ? ['data-processing-cluster'] : null,
});

const showResource = (call: Call, stack: Stack, row: Resource) => ({
  resource_name: row.name,
  logical_resource_id: row.name,
  physical_resource_id: row.physical,
  resource_type: row.type,
  resource_status: row.status,
  resource_status_reason: 'state changed',
  links: [
    {
      href: `${call.base}/v1/${stack.project_id}/stacks/${stack.name}/${stack.id}/resources/${row.name}`,
      rel: 'self',
    },
  ],
  required_by: [],
});

/**
 * Lists only root stacks unless the query asks for others, the newest first. A full page has the
 * next link under the plain name `links`.
 */
function list(call: Call, tables: Tables): Reply {
  const { query } = call;
  const is = (name: string): boolean => query.get(name) === 'true';
  const rows = tables.stacks
    .where((row) => mine(call, row))
    .filter((row) => !query.has('tenant') || query.getAll('tenant').includes(row.project_id))
    .filter(
      (row) =>
        !query.has('username') || row.owner.toLowerCase() === query.get('username')?.toLowerCase(),
    )
    .filter((row) => is('show_nested') || row.parent === null)
    .filter((row) => is('show_hidden') || !row.hidden)
    .sort((a, b) => b.created - a.created || (a.id < b.id ? 1 : -1));
  const limit = Number(query.get('limit') ?? Number.POSITIVE_INFINITY);
  // A marker whose row is gone is ignored: the answer is the first page again.
  const start = rows.findIndex((row) => row.id === query.get('marker')) + 1;
  const shown = rows.slice(start, start + limit);
  const next = new URLSearchParams(
    [...new URLSearchParams(call.search)].filter(([name]) => name !== 'marker'),
  );
  next.set('marker', shown.at(-1)?.id ?? '');
  const links =
    shown.length === limit
      ? { links: [{ rel: 'next', href: `http://heat.internal${call.path}?${next}` }] }
      : {};
  return { status: 200, json: { stacks: shown.map((row) => showStack(call, row)), ...links } };
}

function stackRoutes(
  routes: Routes,
  state: CloudState,
  tables: Tables,
  options: HeatOptions,
): void {
  const { stacks } = tables;
  const stack = (call: Call): Stack => {
    admit(call, options);
    const row = stacks.get(param(call, 'id'));
    if (!row || row.name !== param(call, 'name') || !mine(call, row))
      throw new Refusal(404, `The Stack (${param(call, 'name')}) could not be found.`);
    const retired = row.resources.find(({ type }) => type.startsWith('OS::Murano::'));
    if (retired) throw new Refusal(404, `The Resource Type (${retired.type}) could not be found.`);
    return row;
  };
  const within = (row: Stack, depth: number): { stack: Stack; resource: Resource }[] => [
    ...row.resources.map((resource) => ({ stack: row, resource })),
    ...(depth > 0
      ? stacks
          .where((below) => below.parent === row.id)
          .flatMap((below) => within(below, depth - 1))
      : []),
  ];
  const path = '/v1/:project/stacks/:name/:id';
  routes
    .on('GET', '/v1/:project/stacks', (call) => {
      admit(call, options);
      return list(call, tables);
    })
    .on('GET', `${path}/resources`, (call) => {
      const found = within(stack(call), Math.min(Number(call.query.get('nested_depth') ?? 0), 5));
      return {
        status: 200,
        json: { resources: found.map((each) => showResource(call, each.stack, each.resource)) },
      };
    })
    .on('GET', `${path}/environment`, (call) => ({
      status: 200,
      json: {
        resource_registry: stack(call).registry,
        parameters: {},
        parameter_defaults: {},
        event_sinks: [],
        encrypted_param_names: [],
      },
    }))
    .on('GET', `${path}/resources/:resource/metadata`, (call) => {
      const url = stack(call).resources.find((row) => row.name === param(call, 'resource'))
        ?.properties?.metadata_url;
      const config = {
        collectors: ['request', 'local'],
        ...(url && { request: { metadata_url: url } }),
      };
      return { status: 200, json: { metadata: { deployments: [], 'os-collect-config': config } } };
    })
    .on('DELETE', path, (call) => removeStack(state, tables, call, stack(call)));
}

/**
 * These lists have no filter. They have pages only with a limit. Deployments do not name their
 * owner.
 */
function softwareRoutes(
  routes: Routes,
  { configs, deployments }: Tables,
  options: HeatOptions,
): void {
  routes
    .on('GET', '/v1/:project/software_configs', (call) => {
      admit(call, options);
      const rows = configs.where((row) => mine(call, row));
      const shown = rows.map((row) => ({
        id: row.id,
        name: row.name,
        group: 'Heat::Ungrouped',
        ...withProject(call, row),
      }));
      return { status: 200, json: { software_configs: shown } };
    })
    .on('GET', '/v1/:project/software_deployments', (call) => {
      admit(call, options);
      const rows = deployments.where((row) => mine(call, row));
      const shown = rows.map(({ id, config_id }) => ({
        id,
        config_id,
        server_id: 'a-server',
        action: 'CREATE',
        status: 'IN_PROGRESS',
      }));
      return { status: 200, json: { software_deployments: shown } };
    })
    .on('DELETE', '/v1/:project/software_configs/:id', (call) => {
      admit(call, options);
      const id = param(call, 'id');
      if (!configs.get(id)) throw new Refusal(404, `Software config with id ${id} not found`);
      if (deployments.some((row) => row.config_id === id))
        throw new Refusal(
          500,
          `Software config with id ${id} can not be deleted as it is referenced.`,
        );
      if (!call.endless) configs.delete(id);
      return { status: 204 };
    })
    .on('DELETE', '/v1/:project/software_deployments/:id', (call) => {
      admit(call, options);
      const id = param(call, 'id');
      if (!deployments.get(id)) throw new Refusal(404, `Deployment with id ${id} not found`);
      if (!call.endless) deployments.delete(id);
      return { status: 204 };
    });
}
