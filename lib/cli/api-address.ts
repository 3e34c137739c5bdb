import type { CatalogService } from '../openstack/catalog.ts';
import type { Credentials } from '../openstack/credentials.ts';
import { catalogRegistrations, overrideRegistrations } from '../openstack/registry.ts';
import { chooseEndpoint, typeKey } from '../operation/registry.ts';
import { OWN_REGISTRATION } from '../services/keystone-propagator.ts';
import { PropagatorError } from '../shared/errors.ts';
import { apiFetchOf } from './aws-signature.ts';
import type { KeystoneLogin } from './keystone-login.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** The value of `PROPAGATOR_API_URL` with which a command finds the API in Keystone's catalog. */
const CATALOG_VALUE = 'catalog';

/** Logs in. The OpenStack client is loaded only for a command that needs the login. */
const logInToKeystone = async (environment: Environment): Promise<KeystoneLogin> =>
  (await import('./keystone-login.ts')).logInToKeystone(environment);

/** The URL of the API, and the function that sends a request to it. */
export interface ApiAddress {
  /** The URL, or a function that finds it at the first call. */
  readonly baseUrl: string | (() => Promise<string>);
  readonly send: Fetch;
}

/**
 * Returns the address of the API from `PROPAGATOR_API_URL`; the default is this machine. With the
 * value `catalog`, the first call logs in to Keystone and finds the URL in the catalog. An API that
 * requires a token then gets the token of this login. With any other value the catalog is not used:
 * a command for this machine must not reach the propagator of another machine.
 */
export function apiAddressOf(
  environment: Environment,
  logIn = logInToKeystone,
  send: Fetch = fetch,
): ApiAddress {
  const { PROPAGATOR_API_URL: configuredUrl, PROPAGATOR_PORT: port } = environment;
  if (configuredUrl === CATALOG_VALUE) return addressInCatalog(environment, logIn, send);
  const baseUrl = configuredUrl || `http://127.0.0.1:${port || '8787'}`;
  const issueToken = async (): Promise<string> => (await logIn(environment)).value;
  return { baseUrl, send: apiFetchOf(baseUrl, environment, undefined, send, issueToken) };
}

/** Returns an address that logs in to Keystone and finds the URL when it is first used. */
function addressInCatalog(
  environment: Environment,
  logIn: (environment: Environment) => Promise<KeystoneLogin>,
  send: Fetch,
): ApiAddress {
  const findAddress = async () => {
    const login = await logIn(environment);
    const baseUrl = apiInCatalog(login.catalog, login.credentials);
    // The first token is that of the login that found the URL. Each later token needs a new login.
    let unusedToken: string | undefined = login.value;
    const issueToken = async (): Promise<string> => {
      const token = unusedToken ?? (await logIn(environment)).value;
      unusedToken = undefined;
      return token;
    };
    return { baseUrl, send: apiFetchOf(baseUrl, environment, undefined, send, issueToken) };
  };
  let address: ReturnType<typeof findAddress> | undefined;
  const findAddressOnce = () => {
    address ??= findAddress();
    return address;
  };
  return {
    baseUrl: async () => (await findAddressOnce()).baseUrl,
    send: async (url, init) => (await findAddressOnce()).send(url, init),
  };
}

/**
 * Returns the URL of the registered API. Throws `PropagatorError` if the catalog has no service of
 * the propagator's type, several of them, or different URLs in several regions.
 */
export function apiInCatalog(
  catalog: readonly CatalogService[],
  credentials: Pick<Credentials, 'regions' | 'interfaces' | 'endpointOverrides'>,
): string {
  const registrations = [
    ...overrideRegistrations(credentials, ''),
    ...catalogRegistrations(catalog, ''),
  ].filter(({ type }) => typeKey(type) === typeKey(OWN_REGISTRATION.type));
  assertOneService(registrations);
  const registeredRegions = registrations.flatMap(({ region }) => region ?? []);
  const selectedRegions = credentials.regions;
  const regions = selectedRegions.length > 0 ? selectedRegions : registeredRegions;
  const urls = new Set(
    regions.flatMap((region) => {
      const types = [OWN_REGISTRATION.type];
      const chosen = chooseEndpoint(registrations, types, region, credentials.interfaces);
      return chosen?.endpoint.url ?? [];
    }),
  );
  const [url, otherUrl] = urls;
  if (url === undefined)
    throw catalogError(
      `Keystone's catalog has no service of type ${OWN_REGISTRATION.type}` +
        (selectedRegions.length > 0 ? ` in ${selectedRegions.join(', ')}` : ''),
      'Register the API: propagator register --url URL. Or set PROPAGATOR_API_URL to its URL.',
    );
  if (otherUrl !== undefined)
    throw catalogError(
      "Keystone's catalog has the API in several regions: " +
        [...new Set(registeredRegions)].sort().join(', '),
      'Select one with OS_REGION_NAME.',
    );
  return url;
}

function assertOneService(registrations: ReturnType<typeof catalogRegistrations>): void {
  const serviceIds = new Set(
    registrations.filter(({ isOverride }) => !isOverride).map(({ serviceId }) => serviceId),
  );
  if (serviceIds.size > 1)
    throw catalogError(
      `Keystone's catalog has ${serviceIds.size} services of type ${OWN_REGISTRATION.type}`,
      'Delete the services that are not in use: openstack service delete SERVICE',
    );
}

const catalogError = (message: string, advice: string): PropagatorError =>
  new PropagatorError({ code: 'cli.catalog', class: 'Denied', message, advice });
