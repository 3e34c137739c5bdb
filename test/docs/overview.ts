import { dependsOnEveryOther, levels } from '../../lib/operation/order.ts';
import type { Service } from '../../lib/task/service.ts';
import { bare, CLASSES, classesOf, requiredBefore, softBefore } from './glossary.ts';
import { joined, linked, quoted, table } from './markdown.ts';
import { MADE } from './page.ts';
import { UNCOVERED } from './service-types.ts';

/** All services on one page. */
export function overview(services: readonly Service[]): string {
  const ordered = levels(services).flatMap((level) =>
    [...level].sort((a, b) => (a.name < b.name ? -1 : 1)),
  );
  const holding = ordered.filter(({ resourceTypes }) => resourceTypes.length > 0);
  const empty = ordered
    .filter(({ resourceTypes }) => resourceTypes.length === 0)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return joined([
    MADE,
    '# Services',
    `${services.length} services are covered. Each has a page: what it holds, in which order it goes, what stands in its way, and the very calls.`,
    '## What is emptied',
    'From the first to the last. One that `waits for` others begins when they have ended, whatever became of them; one that comes `after` others gives them their turn first and is not held up by them for long; where a resource type is named, it waits for that alone.',
    table(
      [
        'service',
        'types in the catalog',
        'class',
        'resource types',
        'pre-delete',
        'default',
        'waits for',
        'after',
      ],
      holding.map((service) => row(service, services)),
    ),
    legend(),
    '## What holds nothing of a project',
    table(
      ['service', 'types in the catalog', 'why'],
      empty.map((service) => [
        linked([service.name]),
        quoted(service.catalogTypes),
        service.noProjectResources ?? '',
      ]),
    ),
    '## Types of the catalog that nobody covers',
    'Where a cloud has one of these, no operation ends as `finished`: what it holds is not known. `propagator waiver add TYPE --reason "…"` says that it is of no concern; a service file, or a service of your own (`PROPAGATOR_SERVICE_MODULES`), covers it.',
    table(
      ['type', 'project', 'what it holds'],
      UNCOVERED.map(({ type, project, note }) => [`\`${type}\``, project, note]),
    ),
    'Any other type that a catalog has is treated alike: `propagator service list` shows them.',
  ]);
}

function row(service: Service, services: readonly Service[]): string[] {
  const resourceTypes = service.resourceTypes.map(({ name }) => bare(name));
  const soft = softBefore(service, services);
  return [
    linked([service.name]),
    quoted(service.catalogTypes),
    classesOf(service).join(', '),
    resourceTypes.length > 8
      ? `${resourceTypes.slice(0, 7).join(', ')} and ${resourceTypes.length - 7} more`
      : resourceTypes.join(', '),
    service.preDelete ? 'yes' : '',
    service.offByDefault === undefined ? 'on' : 'off',
    requiredBefore(service, services).join(', '),
    dependsOnEveryOther(service) ? 'all others' : soft.join(', '),
  ];
}

function legend(): string {
  return joined([
    table(['class', 'what it takes to see and remove it'], Object.entries(CLASSES)),
    '`early`: emptied while the project still lives, when an administrator asked for its end. Without such a request, resource types of class C and D are out of reach, and the operation says what is probably left.',
    '`default` off: left alone unless `PROPAGATOR_INCLUDE_SERVICES` names it.',
  ]).trimEnd();
}
