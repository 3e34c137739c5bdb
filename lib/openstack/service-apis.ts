import { chooseEndpoint } from '../operation/registry.ts';
import { type ErrorReport, PropagatorError } from '../shared/errors.ts';
import type { ServiceApi } from '../task/service.ts';
import type { Token } from './authenticate.ts';
import type { ServiceAddress } from './cloud.ts';
import type { Credentials } from './credentials.ts';
import { negotiateVersion } from './microversion.ts';
import { catalogRegistrations, overrideRegistrations } from './registry.ts';
import type { ApiVersion } from './request-headers.ts';
import type { RestOptions } from './rest.ts';
import type { Session } from './session.ts';

/** Microversions are negotiated again after an hour, because the service may have been upgraded. */
const MICROVERSION_CACHE_MILLIS = 3_600_000;

/** The login for the calls to a service. */
export interface ServiceLogin {
  readonly session: Session;
  /** The token whose catalog is used. The URL of an endpoint may contain the token's project. */
  readonly token: Token;
  /** A text that is different for each session. The key of a cached API contains it. */
  readonly sessionKey: string;
}

/** The options of a REST API that depend on the service. */
type ServiceRestOptions = Pick<
  RestOptions,
  'service' | 'region' | 'endpoint' | 'ownProject' | 'apiVersion' | 'session'
>;

export interface ServiceApisDeps {
  readonly credentials: Credentials;
  now(): number;
  /** Creates a REST API. At most `concurrency` of its calls run at the same time. */
  createRestApi(target: ServiceRestOptions, concurrency: number): ServiceApi;
}

/**
 * Returns the service's API in a region, or `undefined` when the catalog has no endpoint there.
 * Throws class `Unsupported` when the endpoint's URL is invalid, or when the service does not
 * support the minimum microversion.
 */
export type OpenServiceApi = (
  service: ServiceAddress,
  region: string,
  login: ServiceLogin,
) => Promise<ServiceApi | undefined>;

/** Returns a function that opens the API of a service. It caches each API for an hour. */
export function createServiceApis({
  credentials,
  now,
  createRestApi,
}: ServiceApisDeps): OpenServiceApi {
  const cache = new Map<
    string,
    { readonly expiresAt: number; readonly api: Promise<ServiceApi> }
  >();
  return async (service, region, { session, token, sessionKey }) => {
    const endpoint = endpointUrl(credentials, token, service, region);
    if (endpoint === undefined) return undefined;
    const ownProject = token.project.id;
    const key = [
      service.name,
      region,
      endpoint,
      ownProject,
      service.microversion?.floor,
      service.microversion?.ceiling,
      sessionKey,
    ].join(' ');
    const cachedApi = cache.get(key);
    if (cachedApi && now() < cachedApi.expiresAt) return cachedApi.api;
    const target = { service: service.name, region, ownProject, session };
    const api = negotiateApi(service, endpoint, (url, apiVersion) =>
      createRestApi({ ...target, endpoint: url, apiVersion }, service.concurrency),
    );
    cache.set(key, { expiresAt: now() + MICROVERSION_CACHE_MILLIS, api });
    api.catch(() => cache.delete(key));
    return api;
  };
}

/** Returns the endpoint's URL without a trailing slash. It may contain the token's project id. */
function endpointUrl(
  credentials: Credentials,
  { catalog, project }: Token,
  service: ServiceAddress,
  region: string,
): string | undefined {
  const registrations = [
    ...overrideRegistrations(credentials, project.id),
    ...catalogRegistrations(catalog, project.id),
  ];
  // If all regions share one Keystone, the catalog may list its endpoint only in some regions. The
  // propagator has logged in to this Keystone. If the region has no endpoint, the endpoint of
  // another region is used.
  const otherRegions = service.catalogTypes.includes('identity')
    ? registrations.flatMap((registration) => registration.region ?? [])
    : [];
  const chosenEndpoint = [region, ...otherRegions]
    .map((name) =>
      chooseEndpoint(registrations, service.catalogTypes, name, credentials.interfaces),
    )
    .find((choice) => choice !== undefined);
  const url = chosenEndpoint?.endpoint.url.trim().replace(/\/+$/, '');
  if (url !== undefined && !URL.canParse(url)) throw invalidUrlError(service, region);
  return url;
}

/** Creates the error for a service that exists but cannot be called. */
function invalidUrlError(service: ServiceAddress, region: string): PropagatorError {
  const report: ErrorReport = {
    code: `${service.name}.endpoint.invalid`,
    class: 'Unsupported',
    message: `the endpoint URL of ${service.name} in ${region} in the catalog is not a valid URL`,
    advice: 'Correct the endpoint: openstack endpoint set --url URL ENDPOINT',
    service: service.name,
    region,
  };
  return new PropagatorError(report);
}

/**
 * Returns the API with the highest microversion that both sides support. Throws class `Unsupported`
 * if the service does not support the minimum.
 */
async function negotiateApi(
  service: ServiceAddress,
  endpoint: string,
  openApi: (endpoint: string, apiVersion: ApiVersion | undefined) => ServiceApi,
): Promise<ServiceApi> {
  const wantedRange = service.microversion;
  if (!wantedRange) return openApi(endpoint, undefined);
  // The URL of the version document has no project: `/v3/` for the endpoint `/v3/<project>`.
  const segments = endpoint.split('/');
  const versionIndex = segments.findLastIndex(
    (segment, index) => index > 2 && /^v\d+(\.\d+)?$/.test(segment),
  );
  const hasVersion = versionIndex >= 0;
  const rootUrl = hasVersion ? segments.slice(0, versionIndex + 1).join('/') : endpoint;
  const discoveryApi = openApi(rootUrl, undefined);
  const rootAnswer = await discoveryApi.request('GET', '/', { accept: [300] });
  const failureContext = {
    service: service.name,
    region: discoveryApi.region,
    host: new URL(rootUrl).host,
  };
  const negotiated = negotiateVersion(rootAnswer, wantedRange, failureContext);
  return openApi(hasVersion ? endpoint : `${endpoint}/${negotiated.path}`, {
    header: wantedRange.header,
    version: negotiated.version,
  });
}
