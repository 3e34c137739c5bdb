import type { Call, Reply } from './http.ts';
import { listedEndpoints, listedServices, registeredInCatalog } from './keystone-registrations.ts';
import { collection } from './keystone-shape.ts';
import type { CloudState } from './state.ts';

/**
 * The type of a service, and the path below its server. A path that contains the project's id gives
 * no URL without a project.
 */
const CORE: Record<string, { type: string; path: string }> = {
  keystone: { type: 'identity', path: '/v3' },
  nova: { type: 'compute', path: '/v2.1' },
  cinder: { type: 'volumev3', path: '/v3/%(project_id)s' },
  neutron: { type: 'network', path: '' },
  glance: { type: 'image', path: '' },
  swift: { type: 'object-store', path: '/v1/AUTH_%(project_id)s' },
  placement: { type: 'placement', path: '' },
};
const INTERFACES = ['admin', 'internal', 'public'];

const registered = (state: CloudState) =>
  [...Object.entries(CORE), ...state.endpoints].filter(([name]) => !state.hidden.has(name));
const urlOf = (state: CloudState, name: string, path: string): string =>
  (state.bases.get(name) ?? '') + path;

/** The catalog of a token on this project. */
export function catalog(state: CloudState, projectId: string | undefined) {
  const { region } = state.options;
  const installed = registered(state).map(([name, { type, path }]) => {
    const usable = projectId !== undefined || !path.includes('%');
    const url = urlOf(state, name, path).replace('%(project_id)s', projectId ?? '');
    const endpoints = INTERFACES.map((face) => ({
      id: `${name}-${face}`,
      interface: face,
      region_id: region,
      url,
      region,
    }));
    return { endpoints: usable ? endpoints : [], id: `catalog-${name}`, type, name };
  });
  return [...installed, ...registeredInCatalog(state, projectId)];
}

/** `GET /v3/services`: includes disabled services. */
export function listServices(state: CloudState, call: Call): Reply {
  const rows = registered(state).map(([name, { type }]) => ({
    name,
    id: `catalog-${name}`,
    type,
    enabled: true,
    links: { self: `${call.base}/v3/services/catalog-${name}` },
  }));
  return collection(call, 'services', [...rows, ...listedServices(state)]);
}

/** `GET /v3/endpoints`: URLs as they are stored, with their placeholders. */
export function listEndpoints(state: CloudState, call: Call): Reply {
  const { region } = state.options;
  const rows = registered(state).flatMap(([name, { path }]) =>
    INTERFACES.map((face) => ({
      id: `${name}-${face}`,
      interface: face,
      region_id: region,
      service_id: `catalog-${name}`,
      url: urlOf(state, name, path),
      enabled: true,
      region,
      links: { self: `${call.base}/v3/endpoints/${name}-${face}` },
    })),
  );
  return collection(call, 'endpoints', [...rows, ...listedEndpoints(state)]);
}
