import * as z from 'zod';
import type { Answer, ProxyCall } from './forward.ts';

const CatalogEndpoint = z.looseObject({
  id: z.string(),
  interface: z.string(),
  region_id: z.string().nullish(),
  region: z.string().nullish(),
  url: z.string(),
});
const CatalogService = z.looseObject({
  id: z.string(),
  type: z.string(),
  name: z.string().optional(),
  endpoints: z.array(CatalogEndpoint),
});
const ServiceRow = z.looseObject({
  id: z.string(),
  type: z.string().nullish(),
  enabled: z.boolean(),
});
const EndpointRow = z.looseObject({
  id: z.string(),
  service_id: z.string().nullish(),
  interface: z.string(),
  region_id: z.string().nullish(),
  region: z.string().nullish(),
  url: z.string(),
  enabled: z.boolean(),
});
export type CatalogService = z.infer<typeof CatalogService>;
export type ServiceRow = z.infer<typeof ServiceRow>;
export type EndpointRow = z.infer<typeof EndpointRow>;

/**
 * The services that Keystone shows. Each answer has one of the three tables, and the other two are
 * empty. A change therefore works on one table and reads no other.
 */
export interface Registry {
  /** The catalog of a token. */
  readonly catalog: CatalogService[];
  /** `GET /v3/services`. */
  readonly services: ServiceRow[];
  /** `GET /v3/endpoints`. */
  readonly endpoints: EndpointRow[];
}

type Change = (registry: Registry) => Registry;
const NONE: Registry = { catalog: [], services: [], endpoints: [] };
const WithCatalog = z.looseObject({ token: z.looseObject({ catalog: z.array(CatalogService) }) });

/** Returns the answer with its table changed, if it has one. */
export function rewriteRegistry(
  answer: Answer,
  call: ProxyCall,
  change: Change | undefined,
): Answer {
  const [path = ''] = call.path.split('?');
  if (!change || answer.status < 200 || answer.status > 299 || answer.text === '') return answer;
  const table = /\/v3\/(services|endpoints)$/.exec(path)?.[1];
  if (table === undefined && !/\/v3\/auth\/tokens$/.test(path)) return answer;
  const json: unknown = JSON.parse(answer.text);
  if (table === 'services' && call.method === 'GET') {
    const body = z.looseObject({ services: z.array(ServiceRow) }).parse(json);
    return withJson(answer, {
      ...body,
      services: change({ ...NONE, services: body.services }).services,
    });
  }
  if (table === 'endpoints' && call.method === 'GET') {
    const body = z.looseObject({ endpoints: z.array(EndpointRow) }).parse(json);
    return withJson(answer, {
      ...body,
      endpoints: change({ ...NONE, endpoints: body.endpoints }).endpoints,
    });
  }
  const body = WithCatalog.safeParse(json);
  if (!body.success) return answer;
  const { token } = body.data;
  return withJson(answer, {
    ...body.data,
    token: { ...token, catalog: change({ ...NONE, catalog: token.catalog }).catalog },
  });
}

const withJson = (answer: Answer, json: unknown): Answer => ({
  ...answer,
  text: JSON.stringify(json),
});

/** Several changes, one after the other. */
export const changes =
  (...all: readonly Change[]): Change =>
  (registry) =>
    all.reduce((now, change) => change(now), registry);

/** The service gets another type: in the catalog and in the list. */
export const retype =
  (from: string, to: string): Change =>
  (registry) => ({
    ...registry,
    catalog: registry.catalog.map((service) =>
      service.type === from ? { ...service, type: to } : service,
    ),
    services: registry.services.map((service) =>
      service.type === from ? { ...service, type: to } : service,
    ),
  });

/** `openstack service set --disable`: no catalog shows the service any more. */
export const disableService =
  (type: string): Change =>
  (registry) => ({
    ...registry,
    catalog: registry.catalog.filter((service) => service.type !== type),
    services: registry.services.map((service) =>
      service.type === type ? { ...service, enabled: false } : service,
    ),
  });

/**
 * `openstack endpoint set --disable` on the endpoints that the filter selects: no catalog shows
 * them any more.
 */
export const disableEndpoints =
  (
    serviceId: string,
    which: (endpoint: {
      interface: string;
      region_id?: string | null | undefined;
    }) => boolean = () => true,
  ): Change =>
  (registry) => ({
    ...registry,
    catalog: registry.catalog.map((service) =>
      service.id === serviceId
        ? { ...service, endpoints: service.endpoints.filter((endpoint) => !which(endpoint)) }
        : service,
    ),
    endpoints: registry.endpoints.map((endpoint) =>
      endpoint.service_id === serviceId && which(endpoint)
        ? { ...endpoint, enabled: false }
        : endpoint,
    ),
  });

/** OS-EP-FILTER: the endpoints are enabled, but the project of the token does not see them. */
export const hideFromProject =
  (type: string): Change =>
  (registry) => ({
    ...registry,
    catalog: registry.catalog.filter((service) => service.type !== type),
  });

/** Keystone shows the service neither in a catalog nor in a list. */
export const removeService =
  (type: string, serviceId: string): Change =>
  (registry) => ({
    catalog: registry.catalog.filter((service) => service.type !== type),
    services: registry.services.filter((service) => service.type !== type),
    endpoints: registry.endpoints.filter((endpoint) => endpoint.service_id !== serviceId),
  });

/** The service is registered in another region; `undefined`: in no region. */
export const moveToRegion =
  (serviceId: string, region: string | undefined): Change =>
  (registry) => {
    const moved = { region: region ?? null, region_id: region ?? null };
    return {
      ...registry,
      catalog: registry.catalog.map((service) =>
        service.id === serviceId
          ? { ...service, endpoints: service.endpoints.map((one) => ({ ...one, ...moved })) }
          : service,
      ),
      endpoints: registry.endpoints.map((one) =>
        one.service_id === serviceId ? { ...one, ...moved } : one,
      ),
    };
  };
