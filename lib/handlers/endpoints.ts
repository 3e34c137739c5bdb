import type { Cloud, ServiceAddress } from '../openstack/cloud.ts';
import { applyWaivers } from '../operation/leftovers.ts';
import type { Waiver } from '../operation/model.ts';
import { typeKey } from '../operation/registry.ts';
import { type ErrorReport, PropagatorError } from '../shared/errors.ts';
import type { ServiceApi } from '../task/context.ts';
import type { Service } from '../task/service.ts';

/**
 * Returns the error for a service that was in the catalog when the operation was planned, and is
 * missing now. The service does not count as absent, because its resources are unknown.
 */
export const missingEndpointError = (
  service: Pick<Service, 'name'>,
  region: string,
): ErrorReport => ({
  code: `${service.name}.endpoint.missing`,
  class: 'Transient',
  message:
    `the catalog contained ${service.name} in ${region} when the operation was planned, and ` +
    'does not contain it now',
  advice:
    `Restore the endpoint (openstack endpoint list --service ${service.name} --region ` +
    `${region}). The task is retried.`,
  service: service.name,
  region,
});

/** The dependencies of {@link otherApiFinder}. */
export interface OtherApiDeps {
  readonly cloud: Pick<Cloud, 'api' | 'registry'>;
  readonly services: readonly ServiceAddress[];
  readonly waivers: () => Promise<readonly Waiver[]>;
}

/**
 * Returns a function that finds the API of another service, by its name or by a catalog type. The
 * returned function returns `undefined` if the cloud lacks the service, or if an operator has
 * waived its type. It throws an error of class `Blocked` if Keystone has the service but no
 * endpoint in the region, because the resources of the service are then unknown.
 */
export function otherApiFinder(
  service: Service,
  region: string,
  { cloud, services, waivers }: OtherApiDeps,
): (name: string) => Promise<ServiceApi | undefined> {
  const errorByName = new Map<string, Promise<PropagatorError | undefined>>();
  return async (name) => {
    const knownService = services.find((other) => other.name === name);
    // Any other name is a catalog type. The calls to it count towards the limit of `service`.
    const address: ServiceAddress = knownService ?? {
      name: service.name,
      catalogTypes: [name],
      microversion: undefined,
      concurrency: service.concurrency,
    };
    const api = await cloud.api(address, region);
    if (api) return api;
    const errorPromise =
      errorByName.get(name) ?? unreachableServiceError(name, address, region, cloud, waivers);
    errorByName.set(name, errorPromise);
    const error = await errorPromise;
    if (error) throw error;
    return undefined;
  };
}

/** Returns the error if Keystone has the service and no operator has waived its type. */
async function unreachableServiceError(
  name: string,
  { catalogTypes }: ServiceAddress,
  region: string,
  cloud: Pick<Cloud, 'registry'>,
  waivers: () => Promise<readonly Waiver[]>,
): Promise<PropagatorError | undefined> {
  const { registrations } = await cloud.registry();
  const typeKeys = new Set(catalogTypes.map(typeKey));
  const serviceRegistrations = registrations.filter(({ type }) => typeKeys.has(typeKey(type)));
  if (serviceRegistrations.length === 0) return undefined;
  const { unwaived } = applyWaivers(
    [{ types: serviceRegistrations.map(({ type }) => type) }],
    await waivers(),
  );
  if (unwaived.length === 0) return undefined;
  return new PropagatorError({
    code: `${name}.unreachable`,
    class: 'Blocked',
    message:
      `Keystone has ${name} (${serviceRegistrations[0]?.type}), but none of its endpoints is in ` +
      `${region}`,
    advice:
      `Enable its endpoint in ${region}. If it has no resources of projects: propagator ` +
      `waiver add ${serviceRegistrations[0]?.type} --reason "…"`,
    service: name,
    region,
  });
}

/**
 * Returns the services and endpoints of the cloud. Throws while Keystone is too busy to list them,
 * because an incomplete list could omit a service.
 */
export async function readRegistry(cloud: Pick<Cloud, 'registry'>): ReturnType<Cloud['registry']> {
  const registry = await cloud.registry();
  if (registry.listingError?.class === 'Transient')
    throw new PropagatorError(registry.listingError);
  return registry;
}
