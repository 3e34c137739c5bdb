import type { ServiceDependencies, ServiceDependents } from '../../lib/task/dependencies.ts';
import {
  defineService,
  defineType,
  defineUserType,
  type RequiresLiveProject,
  type Service,
} from '../../lib/task/service.ts';
import type { Resource, StatefulCloud } from './stateful-cloud.ts';

/** The resource types of a service of the simulation, and its dependencies. */
export interface Described {
  readonly name: string;
  /** Resource types of a project's resources and the class of each. */
  readonly resourceTypes?: Readonly<Record<string, 'A' | 'C' | 'D'>>;
  /** Services that a resource type is independent of, although its service depends on them. */
  readonly independentOf?: Readonly<Record<string, readonly string[]>>;
  /** Resource types of the same service that must be gone before a resource type. */
  readonly typesBefore?: Readonly<Record<string, readonly string[]>>;
  readonly userResourceTypes?: readonly string[];
  /** User resource types that no release removes: they are only reported. */
  readonly retained?: readonly string[];
  readonly dependsOn?: readonly ServiceDependencies[];
  readonly dependents?: readonly ServiceDependents[];
  readonly preDelete?: boolean;
}

const requiresLiveProject = (
  resourceType: string,
  which: 'A' | 'C' | 'D',
): { requiresLiveProject?: RequiresLiveProject } =>
  which === 'A'
    ? {}
    : {
        requiresLiveProject: {
          class: which,
          leftover: `${resourceType}s`,
          advice: `Remove the ${resourceType}s by hand.`,
        },
      };

/** The services that a service waits for in any case. */
export const requiredOf = ({ dependsOn = [] }: Pick<Described, 'dependsOn'>): string[] =>
  dependsOn.flatMap((one) =>
    one.until === 'done' && one.strength === 'required' ? one.services : [],
  );

/** The types of other services of which a service awaits the end. */
export const awaitedOf = ({ dependsOn = [] }: Pick<Described, 'dependsOn'>): string[] =>
  dependsOn.flatMap((one) => (one.until === 'empty' ? one.types : []));

/** Returns a service file over the resources of the cloud in memory. */
export function serviceOf(
  {
    name,
    resourceTypes = {},
    typesBefore = {},
    independentOf = {},
    userResourceTypes = [],
    retained = [],
    ...order
  }: Described,
  cloud: StatefulCloud,
): Service {
  return defineService({
    name,
    catalogTypes: [name],
    ...order,
    resourceTypes: Object.entries(resourceTypes).map(([resourceType, which]) =>
      defineType<Resource>({
        name: resourceType,
        ...requiresLiveProject(resourceType, which),
        independentOf: independentOf[resourceType] ?? [],
        dependsOn: [
          { types: typesBefore[resourceType] ?? [], strength: 'required', until: 'empty' },
        ],
        list: async ({ api, project }) =>
          cloud.list(`${name}.${resourceType}`, which, project, api.ownProject),
        id: (row) => row.id,
        owner: (row) => row.owner,
        remove: async (row, { api }) =>
          cloud.remove(
            row,
            which,
            api.ownProject,
            requiredOf(order).filter((other) => !independentOf[resourceType]?.includes(other)),
          ),
      }),
    ),
    userResourceTypes: userResourceTypes.map((resourceType) =>
      defineUserType<Resource>({
        name: resourceType,
        list: async ({ user, projects }) => {
          cloud.asked.push(...projects);
          return cloud.list(`${name}.${resourceType}`, 'A', user, 'cleaner');
        },
        id: (row) => row.id,
        owner: (row) => row.owner,
        remove: async (row) =>
          retained.includes(resourceType)
            ? {
                kind: 'retained',
                message: `${row.id} uses a trust of the user`,
                advice: 'Update it as another user.',
              }
            : cloud.remove(row, 'A', 'cleaner', []),
      }),
    ),
    ...(Object.keys(resourceTypes).length > 0
      ? {}
      : { noProjectResources: 'it holds nothing of a project' }),
  });
}
