import * as z from 'zod';
import { body, type Call, param, Refusal, type Reply, type Routes } from './http.ts';
import { collection } from './keystone-shape.ts';
import { hex } from './resource-store.ts';
import type { CatalogEndpoint, CatalogService } from './rows.ts';
import type { CloudState } from './state.ts';

/** As in Keystone's JSON schemas, any further attribute is stored. */
const newService = z.looseObject({
  type: z.string().min(1).max(255),
  name: z.string().max(255).default(''),
  enabled: z.boolean().default(true),
});
const newEndpoint = z.looseObject({
  service_id: z.string(),
  interface: z.enum(['public', 'internal', 'admin']),
  region_id: z.string().nullish(),
  url: z
    .string()
    .max(225)
    .regex(/^[a-zA-Z0-9+.-]+:.+/),
  enabled: z.boolean().default(true),
});

/** Services and endpoints that a client created, as Keystone 22 answers. */
export function registrations(state: CloudState, routes: Routes): void {
  const { services, endpoints } = state.identity;
  routes
    .on('GET', '/v3/regions', (call) => collection(call, 'regions', [region(state)]))
    .on('POST', '/v3/services', (call) => {
      const { service } = body(call, z.object({ service: newService }));
      return { status: 201, json: { service: services.add({ ...service, id: hex() }) } };
    })
    .on('PATCH', '/v3/services/:id', (call) => {
      const before = found(services.get(param(call, 'id')), 'service', call);
      const changed = newService.parse({ ...before, ...changes(call, 'service') });
      return { status: 200, json: { service: services.add({ ...changed, id: before.id }) } };
    })
    .on('DELETE', '/v3/services/:id', (call) => {
      const { id } = found(services.get(param(call, 'id')), 'service', call);
      services.delete(id);
      for (const one of endpoints.where(({ service_id }) => service_id === id))
        endpoints.delete(one.id);
      return { status: 204 };
    })
    .on('POST', '/v3/endpoints', (call) => {
      const { endpoint } = body(call, z.object({ endpoint: newEndpoint }));
      refuseEndpoint(state, endpoint);
      const row = { ...endpoint, region_id: endpoint.region_id ?? null, id: hex() };
      return shown(endpoints.add(row), 201);
    })
    .on('PATCH', '/v3/endpoints/:id', (call) => {
      const before = found(endpoints.get(param(call, 'id')), 'endpoint', call);
      const changed = newEndpoint.parse({ ...before, ...changes(call, 'endpoint') });
      refuseEndpoint(state, changed);
      const row = { ...changed, region_id: changed.region_id ?? null, id: before.id };
      return shown(endpoints.add(row), 200);
    })
    .on('DELETE', '/v3/endpoints/:id', (call) => {
      endpoints.delete(found(endpoints.get(param(call, 'id')), 'endpoint', call).id);
      return { status: 204 };
    });
}

const changes = (call: Call, kind: 'service' | 'endpoint'): Record<string, unknown> =>
  body(call, z.object({ [kind]: z.record(z.string(), z.unknown()) }))[kind] ?? {};
const region = ({ options }: CloudState) => ({
  id: options.region,
  description: '',
  parent_region_id: null,
});
const shown = (row: CatalogEndpoint, status: number): Reply => ({
  status,
  json: { endpoint: { ...row, region: row.region_id } },
});

function found<Row>(row: Row | undefined, what: string, call: Call): Row {
  if (row) return row;
  throw new Refusal(404, `Could not find ${what}: ${param(call, 'id')}.`);
}

/** Keystone compares neither names nor URLs, so anything may be registered twice. */
function refuseEndpoint(
  state: CloudState,
  {
    service_id,
    region_id,
    url,
  }: Pick<CatalogEndpoint, 'service_id' | 'url'> & {
    readonly region_id?: string | null | undefined;
  },
): void {
  const missing = (attribute: string, target: string): Refusal =>
    new Refusal(
      400,
      `Expecting to find valid ${attribute} in ${target}. The server could not comply with the request since it is either malformed or otherwise incorrect.`,
    );
  if (region_id != null && region_id !== state.options.region)
    throw missing('endpoint region_id', 'region table');
  if (!state.identity.services.get(service_id))
    throw missing('endpoint service_id', 'service table');
  if (/[%$]\((?!(tenant_id|project_id|user_id)\)s)/.test(url))
    throw new Refusal(400, `Cannot create an endpoint with an invalid URL: ${url}.`);
}

/** The services as a catalog shows them: without disabled services and endpoints. */
export const registeredInCatalog = ({ identity }: CloudState, projectId: string | undefined) =>
  identity.services
    .where(({ enabled }) => enabled)
    .map(({ id, type, name }) => ({
      endpoints: identity.endpoints
        .where(({ service_id, enabled }) => service_id === id && enabled)
        .map(({ id: endpointId, interface: face, region_id, url }) => ({
          id: endpointId,
          interface: face,
          region_id,
          url: url.replace('%(project_id)s', projectId ?? ''),
          region: region_id,
        })),
      id,
      type,
      name,
    }));

/** The same rows as the lists show them. */
export const listedServices = ({ identity }: CloudState): CatalogService[] =>
  identity.services.all();
export const listedEndpoints = ({ identity }: CloudState) =>
  identity.endpoints.all().map((row) => ({ ...row, region: row.region_id }));
