import type * as z from 'zod';
import { joinBlocks, table, timeText, titledBlock } from '../output.ts';
import type { ServiceShape, ServicesShape } from '../shapes.ts';
import type { Colors } from '../terminal.ts';
import { leftOutLines, uncoveredLines, uncoveredTable } from './coverage.ts';

/** Shows all services in cleanup order, the types that no operation cleans up, and the waivers. */
export function showServices(
  { services, httpPlugins, uncovered, leftOut, waived }: z.infer<typeof ServicesShape>,
  color: Colors,
): string {
  const rows = services.map((service) => serviceRow(service, services, color));
  const httpPluginRows = httpPlugins.map((name) => [
    name,
    '-',
    '-',
    '?',
    '-',
    'everywhere',
    'HTTP plugin',
  ]);
  const blocks = [
    table(
      ['SERVICE', 'CATALOG TYPES', 'CLASS', 'RESOURCES', 'DEPENDS ON', 'REGIONS', 'NOTE'],
      [...rows, ...httpPluginRows],
    ),
    services.some(({ dependsOn }) => dependsOn.some(({ until }) => until === 'empty'))
      ? `${LEGEND}\n${TYPE_LEGEND}`
      : LEGEND,
    notCoveredBlock(uncovered, color),
    unreachableBlock(uncovered, color),
    titledBlock('Excluded by a setting', leftOutLines(leftOut)),
    titledBlock(color.yellow('Not permitted'), problemLines(services)),
    waivedBlock(waived),
  ];
  return joinBlocks(blocks);
}

const TYPE_LEGEND = '            ~service.type: waits until no resource of that type is left';
const LEGEND = [
  "CLASS  A: needs an administrator's token · B: needs a system-scoped token · " +
    'C, D: only while the project exists',
  'DEPENDS ON  waits until that service has ended; ~ does not wait for a stuck service',
].join('\n');

function serviceRow(service: ServiceShape, all: readonly ServiceShape[], color: Colors): string[] {
  const isInCloud = service.regions.length > 0 && service.on;
  return [
    isInCloud ? service.name : color.dim(service.name),
    wrapWords(service.catalogTypes, 30) || '-',
    service.classes.join(' ') || '-',
    wrapWords(service.resourceTypes.map(typeWithoutService), 40) || '-',
    dependencyText(service, all),
    wrapWords(service.regions, 20) || '-',
    noteLines(service).join('\n'),
  ];
}

const typeWithoutService = (resourceType: string): string =>
  resourceType.slice(resourceType.indexOf('.') + 1);

/** Returns the name of a dependency: a service, or a resource type of another service. */
export const dependencyName = (one: ServiceShape['dependsOn'][number]): string =>
  one.until === 'done' ? one.service : one.type;

function dependencyText({ name, dependsOn }: ServiceShape, all: readonly ServiceShape[]): string {
  const orderedDependencies = [
    ...dependsOn.filter(({ strength }) => strength === 'required'),
    ...dependsOn.filter(({ strength }) => strength === 'preferred'),
  ];
  const names = new Set(orderedDependencies.map(dependencyName));
  const others = all.filter((other) => other.name !== name);
  if (others.length > 1 && others.every((other) => names.has(other.name)))
    return orderedDependencies[0]?.strength === 'required' ? 'all others' : '~all others';
  const texts = orderedDependencies.map((one) =>
    one.strength === 'required' ? dependencyName(one) : `~${dependencyName(one)}`,
  );
  return wrapWords(texts, 30) || '-';
}

function noteLines({
  offByDefault,
  on,
  noProjectResources,
  preDelete,
  userResourceTypes,
}: ServiceShape): string[] {
  return [
    ...(noProjectResources ? [`no project resources: ${noProjectResources}`] : []),
    ...(offByDefault
      ? [on ? 'enabled by PROPAGATOR_INCLUDE_SERVICES' : `off by default: ${offByDefault}`]
      : []),
    ...(preDelete ? ['runs before the deletion'] : []),
    ...(userResourceTypes.length > 0
      ? [`for users: ${userResourceTypes.map(typeWithoutService).join(', ')}`]
      : []),
  ].map((note) => wrapWords(note.split(' '), 44, ' '));
}

/** Wraps words into lines of about this width, so that the columns fit on the screen. */
function wrapWords(words: readonly string[], width: number, separator = ', '): string {
  const lines: string[] = [];
  for (const word of words) {
    const lastLine = lines.at(-1);
    if (lastLine !== undefined && lastLine.length + separator.length + word.length <= width)
      lines[lines.length - 1] = `${lastLine}${separator}${word}`;
    else lines.push(word);
  }
  return lines.join(`${separator.trimEnd()}\n`);
}

const WAIVE_ADVICE =
  'If a type has no resources of projects: propagator waiver add TYPE --reason "…"';

function notCoveredBlock(all: z.infer<typeof ServicesShape>['uncovered'], color: Colors): string {
  const uncovered = all.filter(({ because }) => because === undefined);
  if (uncovered.length === 0) return '';
  return [
    `${color.yellow('Not covered')}: these types are in the catalog of this cloud, and no ` +
      'service file covers them. Their resources are not removed, and each operation ends as ' +
      'unverified.',
    uncoveredTable(uncovered),
    `${WAIVE_ADVICE}. For any other type: write a service file (CONTRIBUTING.md).`,
  ].join('\n');
}

/** Returns the block of the services that are registered in Keystone but cannot be listed. */
function unreachableBlock(all: z.infer<typeof ServicesShape>['uncovered'], color: Colors): string {
  const lines = uncoveredLines(all.filter(({ because }) => because !== undefined));
  if (lines.length === 0) return '';
  const title =
    `${color.yellow('Unreachable')}: registered in Keystone, but no operation can list them. ` +
    'Each operation ends as unverified.';
  return [titledBlock(title, lines), WAIVE_ADVICE].join('\n');
}

const problemLines = (services: readonly ServiceShape[]): string[] =>
  services.flatMap(({ problem }) =>
    problem ? [`! ${problem.message}`, `    ${problem.advice}`] : [],
  );

function waivedBlock(waived: z.infer<typeof ServicesShape>['waived']): string {
  if (waived.length === 0) return '';
  const rows = waived.map(({ type, by, at, reason }) => [type, by, timeText(at), reason]);
  return (
    'Waived (to remove a waiver: propagator waiver remove ' +
    `TYPE)\n${table(['TYPE', 'BY', 'AT', 'REASON'], rows)}`
  );
}
