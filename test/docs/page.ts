import type { KindName } from '../../events/ids.ts';
import type { Kind, Service } from '../../lib/cleanup/service.ts';
import { code, joined, list, quoted, table } from './markdown.ts';
import { type Calls, inOrder } from './rehearse.ts';
import { bare, behind, CLASSES, classesOf, classOf, softBefore } from './words.ts';

export const MADE =
  '<!-- Made by `npm run docs` from the service files and a run on the rehearsal cloud. A test fails when it is changed by hand. -->';

/** The page of one service, for whoever has to understand at night why it is not empty. */
export function page(service: Service, services: readonly Service[], calls: ReadonlyMap<KindName, Calls> | undefined): string {
  const kinds = inOrder(service.kinds);
  const whole = [
    '## What it holds',
    'In the order in which it goes.',
    kindTable(kinds, service),
    obstacles(kinds),
    beyond(kinds),
    users(service),
  ];
  const reference = [
    '## The calls',
    ...kinds.map((kind) => section(kind, calls?.get(kind.name))),
    legend(service, [...(calls?.values() ?? [])]),
  ];
  return joined([
    MADE,
    `# ${service.name}`,
    summary(service, services),
    service.holdsNothing === undefined ? undefined : `**Nothing in it belongs to a project:** ${service.holdsNothing}.`,
    ...(kinds.length > 0 ? whole : []),
    service.releases.length > 0 ? `## Releases\n\n${list(service.releases)}` : undefined,
    ...(kinds.length > 0 ? reference : []),
    '[All services](README.md)',
  ]);
}

function summary(service: Service, services: readonly Service[]): string {
  const { microversion } = service;
  const rows: [string, string][] = [['types in the catalog', quoted(service.catalogTypes)]];
  if (service.kinds.length > 0) {
    const soft = softBefore(service, services);
    const later = behind(service, services);
    rows.push(['class', classesOf(service).join(', ')]);
    rows.push([
      'emptied',
      service.early
        ? 'as soon as an administrator asks for the end of the project, while it lives; and when it is gone'
        : 'when the project is gone, or disabled for its end',
    ]);
    rows.push([
      'by default',
      service.offByDefault === undefined
        ? 'on'
        : `**off**: ${service.offByDefault}. On with \`PROPAGATOR_INCLUDE_SERVICES=${service.name}\``,
    ]);
    if (service.after.length > 0) rows.push(['waits until these have ended', [...service.after].sort().join(', ')]);
    if (soft.length > 0) rows.push(['gets its turn after', service.last ? 'all others' : soft.join(', ')]);
    if (later.length > 0) rows.push(['gets its turn before', later.join(', ')]);
    if (microversion) rows.push(['microversion', `${microversion.floor} to ${microversion.ceiling} (\`${microversion.header}\`)`]);
    rows.push(['calls at a time', String(service.concurrency)]);
  }
  return table(['', ''], rows);
}

function kindTable(kinds: readonly Kind[], service: Service): string {
  const rows = kinds.map((kind) => [`\`${bare(kind.name)}\``, classOf(kind, service), turn(kind)]);
  return table(['kind', 'class', 'its turn'], rows);
}

function turn({ after, follows }: Kind): string {
  const parts = [
    after.length > 0 ? `when no ${after.map((name) => `\`${bare(name)}\``).join(' and no ')} is left` : undefined,
    follows.length > 0 ? `after ${quoted(follows.map(bare))}` : undefined,
  ];
  return parts.filter((part) => part !== undefined).join(', ') || 'at once';
}

/** Why is it not empty? */
function obstacles(kinds: readonly Kind[]): string | undefined {
  const told = byWords(kinds.flatMap((kind) => kind.blockers.map((words) => [words, kind] as const)));
  if (told.length === 0) return undefined;
  return `## What stands in the way, or delays it\n\n${list(told)}`;
}

/** Why is it left for good, and what now? */
function beyond(kinds: readonly Kind[]): string | undefined {
  const told = byWords(
    kinds.flatMap((kind) => (kind.needsLife ? [[`Left: ${kind.needsLife.leaves}. ${kind.needsLife.advice}`, kind] as const] : [])),
  );
  if (told.length === 0) return undefined;
  return `## When the project is gone already\n\nThen nobody can remove this through the service any more, and the operation says so.\n\n${list(told)}`;
}

/** Kinds of which the same is true are told together. */
function byWords(pairs: readonly (readonly [words: string, kind: Kind])[]): string[] {
  const kindsOf = new Map<string, string[]>();
  for (const [words, { name }] of pairs) kindsOf.set(words, [...(kindsOf.get(words) ?? []), bare(name)]);
  return [...kindsOf].map(([words, names]) => `${quoted(names)}: ${words}`);
}

function section(kind: Kind, calls: Calls | undefined): string {
  return [`### \`${bare(kind.name)}\``, ...asked(calls)].join('\n\n');
}

function asked(calls: Calls | undefined): string[] {
  if (!calls || calls.list.length === 0) return ['Its calls were not recorded: the rehearsal cloud does not have this service.'];
  const remove =
    calls.remove.length > 0
      ? `Removed by\n\n${code(calls.remove)}`
      : 'No removal was recorded: the rehearsal cloud had nothing of this kind when its turn came.';
  const paper = calls.isOnPaper ? ['The rehearsal cloud lacks it; recorded against an API that would have one.'] : [];
  return [...paper, `Listed by\n\n${code(calls.list)}`, remove];
}

function users({ userKinds }: Service): string | undefined {
  if (userKinds.length === 0) return undefined;
  const points = userKinds.map((kind) => `\`${bare(kind.name)}\`${kind.blockers.length > 0 ? `: ${kind.blockers.join(' ')}` : ''}`);
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
  const elsewhere = [...new Set(others)].sort().map((mark): [string, string] => [mark, 'asked of that other service']);
  return joined([
    '## Legend',
    table(
      ['class', 'what it takes to see and remove it'],
      classesOf(service).map((one) => [one, CLASSES[one]]),
    ),
    places.length > 0
      ? table(
          ['in a call', 'stands for'],
          [...places, ...elsewhere].map(([place, meaning]) => [`\`${place}\``, meaning]),
        )
      : undefined,
    text === ''
      ? undefined
      : 'Paging, the choice of fields and microversions are left out. Each call stands here once, whatever the number of things; what several kinds ask is asked once a look.',
  ]).trimEnd();
}
