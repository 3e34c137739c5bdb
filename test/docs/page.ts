import type { ResourceTypeName } from '../../events/ids.ts';
import { dependsOnEveryOther } from '../../lib/operation/order.ts';
import type { ResourceType, Service } from '../../lib/task/service.ts';
import {
  bare,
  behind,
  CLASSES,
  classesOf,
  classOf,
  requiredBefore,
  softBefore,
} from './glossary.ts';
import { code, joined, list, quoted, table } from './markdown.ts';
import { type Calls, inOrder } from './rehearse.ts';

export const MADE =
  '<!-- Made by `npm run docs` from the service files and a run on the rehearsal cloud. A test fails when it is changed by hand. -->';

/** The page of one service, for whoever has to understand at night why it is not empty. */
export function page(
  service: Service,
  services: readonly Service[],
  calls: ReadonlyMap<ResourceTypeName, Calls> | undefined,
): string {
  const resourceTypes = inOrder(service.resourceTypes);
  const whole = [
    '## What it holds',
    'In the order in which it goes.',
    kindTable(resourceTypes, service),
    obstacles(resourceTypes),
    beyond(resourceTypes),
    users(service),
  ];
  const reference = [
    '## The calls',
    ...resourceTypes.map((resourceType) => section(resourceType, calls?.get(resourceType.name))),
    legend(service, [...(calls?.values() ?? [])]),
  ];
  return joined([
    MADE,
    `# ${service.name}`,
    summary(service, services),
    service.noProjectResources === undefined
      ? undefined
      : `**Nothing in it belongs to a project:** ${service.noProjectResources}.`,
    ...(resourceTypes.length > 0 ? whole : []),
    service.releases.length > 0 ? `## Releases\n\n${list(service.releases)}` : undefined,
    ...(resourceTypes.length > 0 ? reference : []),
    '[All services](README.md)',
  ]);
}

function summary(service: Service, services: readonly Service[]): string {
  const { microversion } = service;
  const rows: [string, string][] = [['types in the catalog', quoted(service.catalogTypes)]];
  if (service.resourceTypes.length > 0) {
    const soft = softBefore(service, services);
    const later = behind(service, services);
    rows.push(['class', classesOf(service).join(', ')]);
    rows.push([
      'emptied',
      service.preDelete
        ? 'as soon as an administrator asks for the end of the project, while it lives; and when it is gone'
        : 'when the project is gone, or disabled for its end',
    ]);
    rows.push([
      'by default',
      service.offByDefault === undefined
        ? 'on'
        : `**off**: ${service.offByDefault}. On with \`PROPAGATOR_INCLUDE_SERVICES=${service.name}\``,
    ]);
    const required = requiredBefore(service, services);
    if (required.length > 0) rows.push(['waits until these have ended', required.join(', ')]);
    if (soft.length > 0)
      rows.push([
        'gets its turn after',
        dependsOnEveryOther(service) ? 'all others' : soft.join(', '),
      ]);
    if (later.length > 0) rows.push(['gets its turn before', later.join(', ')]);
    if (microversion)
      rows.push([
        'microversion',
        `${microversion.floor} to ${microversion.ceiling} (\`${microversion.header}\`)`,
      ]);
    rows.push(['calls at a time', String(service.concurrency)]);
  }
  return table(['', ''], rows);
}

function kindTable(resourceTypes: readonly ResourceType[], service: Service): string {
  const rows = resourceTypes.map((resourceType) => [
    `\`${bare(resourceType.name)}\``,
    classOf(resourceType, service),
    turn(resourceType),
  ]);
  return table(['resource type', 'class', 'its turn'], rows);
}

function turn({ dependsOn }: ResourceType): string {
  const named = (until: 'empty' | 'done') =>
    dependsOn.filter((one) => one.until === until).map(({ type }) => type);
  const after = named('empty');
  const follows = named('done');
  const parts = [
    after.length > 0
      ? `when no ${after.map((name) => `\`${bare(name)}\``).join(' and no ')} is left`
      : undefined,
    follows.length > 0 ? `after ${quoted(follows.map(bare))}` : undefined,
  ];
  return parts.filter((part) => part !== undefined).join(', ') || 'at once';
}

/** Why is it not empty? */
function obstacles(resourceTypes: readonly ResourceType[]): string | undefined {
  const told = byWords(
    resourceTypes.flatMap((resourceType) =>
      resourceType.blockers.map((words) => [words, resourceType] as const),
    ),
  );
  if (told.length === 0) return undefined;
  return `## What stands in the way, or delays it\n\n${list(told)}`;
}

/** Why is it left for good, and what now? */
function beyond(resourceTypes: readonly ResourceType[]): string | undefined {
  const told = byWords(
    resourceTypes.flatMap((resourceType) =>
      resourceType.requiresLiveProject
        ? [
            [
              `Left: ${resourceType.requiresLiveProject.leftover}. ${resourceType.requiresLiveProject.advice}`,
              resourceType,
            ] as const,
          ]
        : [],
    ),
  );
  if (told.length === 0) return undefined;
  return `## When the project is gone already\n\nThen nobody can remove this through the service any more, and the operation says so.\n\n${list(told)}`;
}

/** Resource types of which the same is true are told together. */
function byWords(
  pairs: readonly (readonly [words: string, resourceType: ResourceType])[],
): string[] {
  const kindsOf = new Map<string, string[]>();
  for (const [words, { name }] of pairs)
    kindsOf.set(words, [...(kindsOf.get(words) ?? []), bare(name)]);
  return [...kindsOf].map(([words, names]) => `${quoted(names)}: ${words}`);
}

function section(resourceType: ResourceType, calls: Calls | undefined): string {
  return [`### \`${bare(resourceType.name)}\``, ...asked(calls)].join('\n\n');
}

function asked(calls: Calls | undefined): string[] {
  if (!calls || calls.list.length === 0)
    return ['Its calls were not recorded: the rehearsal cloud does not have this service.'];
  const remove =
    calls.remove.length > 0
      ? `Removed by\n\n${code(calls.remove)}`
      : 'No removal was recorded: the rehearsal cloud had nothing of this resource type when its turn came.';
  const paper = calls.isOnPaper
    ? ['The rehearsal cloud lacks it; recorded against an API that would have one.']
    : [];
  return [...paper, `Listed by\n\n${code(calls.list)}`, remove];
}

function users({ userResourceTypes }: Service): string | undefined {
  if (userResourceTypes.length === 0) return undefined;
  const points = userResourceTypes.map(
    (resourceType) =>
      `\`${bare(resourceType.name)}\`${resourceType.blockers.length > 0 ? `: ${resourceType.blockers.join(' ')}` : ''}`,
  );
  return `## What it holds of a deleted user\n\n${list(points)}`;
}

const PLACES: readonly (readonly [string, string])[] = [
  ['{project}', 'the project that is emptied'],
  ['{own project}', 'the project that the propagator is logged in to'],
  ['{user}', 'a member of the project, as recorded before it was deleted'],
  ['{id}', 'an id out of a listing'],
  ['{name}', 'a name out of a listing'],
  ['{nobody}', 'an id that no project has: to see whether the filter is heeded'],
  ['{version}', 'the version of an object'],
  ['# token on the project', 'asked with a token on the project itself, while it lives'],
];

function legend(service: Service, calls: readonly Calls[]): string {
  const text = calls.flatMap(({ list: listed, remove }) => [...listed, ...remove]).join('\n');
  const places = PLACES.filter(([place]) => text.includes(place));
  const others = [...text.matchAll(/ {3}# ([a-z-]+)$/gm)].map(([, name]) => `# ${name}`);
  const elsewhere = [...new Set(others)]
    .sort()
    .map((mark): [string, string] => [mark, 'asked of that other service']);
  return joined([
    '## Legend',
    table(
      ['class', 'what it takes to see and remove it'],
      classesOf(service).map((one) => [one, CLASSES[one]]),
    ),
    places.length > 0
      ? table(
          ['in a call', 'stands for'],
          [...places, ...elsewhere].map(([place, interpretation]) => [
            `\`${place}\``,
            interpretation,
          ]),
        )
      : undefined,
    text === ''
      ? undefined
      : 'Paging, the choice of fields and microversions are left out. Each call stands here once, whatever the number of resources; what several resource types ask is asked once a look.',
  ]).trimEnd();
}
