import { dependencyLevels, dependsOnEveryOther } from '../../lib/operation/service-dependencies.ts';
import type { Service } from '../../lib/task/service.ts';
import { joined, linked, quoted, table } from './markdown.ts';
import { GENERATED_NOTE } from './page.ts';
import {
  CLASSES,
  classesOf,
  preferredDependencies,
  requiredDependencies,
  shortName,
} from './service-facts.ts';
import { UNCOVERED } from './service-types.ts';

/** Returns the page with all services. */
export function overview(services: readonly Service[]): string {
  const ordered = dependencyLevels(services).flatMap((level) =>
    [...level].sort((a, b) => (a.name < b.name ? -1 : 1)),
  );
  const withResources = ordered.filter(({ resourceTypes }) => resourceTypes.length > 0);
  const withoutResources = ordered
    .filter(({ resourceTypes }) => resourceTypes.length === 0)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return joined([
    GENERATED_NOTE,
    '# Services',
    `${services.length} services are covered. The page of each service lists the resource types, the order of their removal, the obstacles to a removal, and the API calls.`,
    '## Services with resources of projects',
    'The table shows the order of the cleanup. A service starts after all services of the column `required` have ended, with any result. A service also waits for the services of the column `preferred`, but not for a service whose task fails or waits for a person. If the column names a resource type of another service, for example `backup` of Cinder, the service waits only until no resource of this type is left.',
    table(
      [
        'service',
        'catalog types',
        'class',
        'resource types',
        'pre-delete',
        'default',
        'required',
        'preferred',
      ],
      withResources.map((service) => row(service, services)),
    ),
    legend(),
    '## Services without resources of projects',
    table(
      ['service', 'catalog types', 'reason'],
      withoutResources.map((service) => [
        linked([service.name]),
        quoted(service.catalogTypes),
        service.noProjectResources ?? '',
      ]),
    ),
    '## Catalog types that are not covered',
    'If the catalog of a cloud has one of these types, operations end as `unverified`, because the propagator cannot list the resources of the type. If the type has no resources of projects, run `propagator waiver add TYPE --reason "…"`. To cover a type, add a service file or a plugin (`PROPAGATOR_SERVICE_MODULES`).',
    table(
      ['type', 'project', 'resources'],
      UNCOVERED.map(({ type, project, note }) => [`\`${type}\``, project, note]),
    ),
    'Any other unknown type in a catalog is treated in the same way. `propagator service list` shows these types.',
  ]);
}

function row(service: Service, services: readonly Service[]): string[] {
  const resourceTypes = service.resourceTypes.map(({ name }) => shortName(name));
  return [
    linked([service.name]),
    quoted(service.catalogTypes),
    classesOf(service).join(', '),
    resourceTypes.length > 8
      ? `${resourceTypes.slice(0, 7).join(', ')} and ${resourceTypes.length - 7} more`
      : resourceTypes.join(', '),
    service.preDelete ? 'yes' : '',
    service.offByDefault === undefined ? 'on' : 'off',
    requiredDependencies(service, services).join(', '),
    dependsOnEveryOther(service)
      ? 'all others'
      : preferredDependencies(service, services).join(', '),
  ];
}

function legend(): string {
  return joined([
    table(['class', 'required to list and remove'], Object.entries(CLASSES)),
    '`pre-delete`: if an administrator requests the deletion (`project delete`), the service is cleaned up before the deletion. Without such a request, resource types of class C and D are unreachable, and the operation reports the resources that are probably left.',
    '`default` off: the service is not cleaned up unless `PROPAGATOR_INCLUDE_SERVICES` names it.',
  ]).trimEnd();
}
