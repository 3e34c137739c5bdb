import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as z from 'zod';
import { ServiceName } from '../../events/ids.ts';
import { assertValidDependencies } from '../operation/service-dependencies.ts';
import { PropagatorError } from '../shared/errors.ts';
import { type Settings, settingError } from '../shared/settings.ts';
import {
  defineService,
  defineSuspension,
  defineType,
  defineUserType,
  type Service,
} from '../task/service.ts';

/**
 * The functions that are passed to the default export of an operator's module. The module therefore
 * does not need to import this project.
 */
export const pluginKit = {
  defineType,
  defineService,
  defineSuspension,
  defineUserType,
  PropagatorError,
  z,
};
export type PluginKit = typeof pluginKit;

const ServiceLike = z.looseObject({
  name: z.string(),
  resourceTypes: z.array(z.unknown()),
  userResourceTypes: z.array(z.unknown()),
  catalogTypes: z.array(z.string()),
  suspension: z
    .looseObject({ suspendAfter: z.array(z.string()), types: z.array(z.unknown()) })
    .optional(),
});

/**
 * Loads the services of the operator from modules. The default export of a module is a service
 * (`defineService`), or a function that creates one from {@link pluginKit}. Returns the services in
 * `builtIn`, followed by the loaded ones. Throws `PropagatorError` with the path of a module that
 * cannot be loaded or is not a service. Also throws if two services have the same name or catalog
 * type, or if their dependencies form a cycle.
 */
export async function loadPlugins(
  builtIn: readonly Service[],
  paths: readonly string[],
): Promise<readonly Service[]> {
  const services = [...builtIn];
  for (const path of paths) {
    const service = await loadService(path);
    const conflictingService = services.find(
      ({ name, catalogTypes }) =>
        name === service.name || catalogTypes.some((type) => service.catalogTypes.includes(type)),
    );
    if (conflictingService)
      throw moduleError(
        path,
        `service ${service.name} has the same name or catalog type as service ` +
          conflictingService.name,
      );
    services.push(service);
  }
  try {
    assertValidDependencies(services);
  } catch (cause) {
    throw moduleError(
      paths.join(', '),
      cause instanceof Error ? cause.message : String(cause),
      cause,
    );
  }
  return services;
}

/**
 * Returns the optional services that the settings enable, and the HTTP plugins. Throws
 * `PropagatorError` for an unknown or duplicate name.
 */
export function resolvePlugins(
  settings: Pick<Settings, 'PROPAGATOR_INCLUDE_SERVICES' | 'PROPAGATOR_REMOTE_SERVICES'> &
    Partial<Pick<Settings, 'PROPAGATOR_CONCURRENCY'>>,
  services: readonly Service[],
) {
  const optedInServices = settings.PROPAGATOR_INCLUDE_SERVICES;
  requireOffByDefault(optedInServices, services);
  const httpPlugins = settings.PROPAGATOR_REMOTE_SERVICES.map(({ actions, name, url }) => ({
    name: ServiceName.parse(name),
    url,
    actions,
  }));
  const names: string[] = [...services, ...httpPlugins].map(({ name }) => name);
  const duplicate = names.find((name, index) => names.indexOf(name) !== index);
  if (duplicate !== undefined)
    throw settingError('PROPAGATOR_REMOTE_SERVICES', `a service ${duplicate} already exists`);
  requireKnownLimits(Object.keys(settings.PROPAGATOR_CONCURRENCY ?? {}), [...names, 'keystone']);
  return { optedInServices, httpPlugins };
}

function requireOffByDefault(
  optedInServices: readonly string[],
  services: readonly Service[],
): void {
  const optionalNames = services
    .filter(({ offByDefault }) => offByDefault !== undefined)
    .map(({ name }): string => name);
  const unknownName = optedInServices.find((name) => !optionalNames.includes(name));
  if (unknownName !== undefined)
    throw settingError(
      'PROPAGATOR_INCLUDE_SERVICES',
      `${unknownName} cannot be included; services that are off by default: ` +
        optionalNames.join(', '),
    );
}

/** Refuses a limit of concurrent calls for a service that does not exist. */
function requireKnownLimits(limitedNames: readonly string[], names: readonly string[]): void {
  const unknownName = limitedNames.find((name) => !names.includes(name));
  if (unknownName !== undefined)
    throw settingError(
      'PROPAGATOR_CONCURRENCY',
      `there is no service ${unknownName}; the services are: ${names.toSorted().join(', ')}`,
    );
}

async function loadService(path: string): Promise<Service> {
  let candidate: unknown;
  try {
    const { default: exported }: { default?: unknown } = await import(
      pathToFileURL(resolve(path)).href
    );
    candidate = typeof exported === 'function' ? await exported(pluginKit) : exported;
  } catch (cause) {
    throw moduleError(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (!ServiceLike.safeParse(candidate).success)
    throw moduleError(path, 'the default export is not a service; create it with defineService');
  return candidate as Service;
}

function moduleError(path: string, why: string, cause?: unknown): PropagatorError {
  return new PropagatorError(
    {
      code: 'settings.service-module',
      class: 'Denied',
      message: `PROPAGATOR_SERVICE_MODULES, ${path}: ${why}`,
      advice: 'Correct the module and start again. examples/billing-module has a working one.',
    },
    { cause },
  );
}
