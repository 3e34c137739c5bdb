import { weigh } from '../../operation/coverage.ts';
import { NO_REGION } from '../../operation/order.ts';
import { duration, table, time } from '../output.ts';
import type { OperationShape, TaskShape, WaiverShape } from '../shapes.ts';
import type { Colours } from '../terminal.ts';
import { decisionLines } from './dead-letters.ts';
import { coloured, lasted, who } from './operations.ts';

/** All that is known of one operation. `waivers`: those that count for it. */
export function showOperation(seen: OperationShape, waivers: readonly WaiverShape[], now: number, colour: Colours): string {
  const blocks = [
    head(seen.operation, now, colour),
    states(seen, colour),
    kinds(seen),
    titled('Waits on', waits(seen, now, colour)),
    titled('Out of reach', seen.tasks.filter(isUnreachable).flatMap(outOfReach)),
    titled('Stays', seen.tasks.filter((task) => !isUnreachable(task)).flatMap(stays)),
    coverage(seen.operation, waivers),
    titled('Dead letters', decisionLines(seen.decisions)),
    seen.notice ?? '',
  ];
  return blocks.filter((block) => block !== '').join('\n\n');
}

const titled = (title: string, lines: readonly string[]): string => (lines.length > 0 ? `${title}\n${lines.join('\n')}` : '');

function head(operation: OperationShape['operation'], now: number, colour: Colours): string {
  const acts = actUnderWay(operation, now);
  const { released } = operation;
  return [
    `${colour.bold(operation.id)}  cleanup of ${who(operation)} (${operation.scope.id})`,
    `state      ${coloured(operation.state, colour)}, mode ${operation.mode}, for ${lasted(operation, now)}`,
    `because    ${because(operation)}`,
    `Keystone   ${keystoneSays(operation)}`,
    ...(released ? [`released   by ${released.by} at ${time(released.at)}: ${released.reason}`] : []),
    ...(acts ? [`now        ${acts}`] : []),
  ].join('\n');
}

function because({ cause, request, openedAt }: OperationShape['operation']): string {
  if (request) {
    const confirmed = request.enabled ? 'enabled, confirmed by its name' : 'disabled';
    return `${request.by} asked for it at ${time(request.at)}, the project was ${confirmed}: ${request.reason}`;
  }
  const by = cause.initiator ? ` by ${cause.initiator.name ?? cause.initiator.userId}` : '';
  return `${cause.eventType}${by}, taken in ${time(openedAt)}${cause.note ? `; ${cause.note}` : ''}`;
}

function keystoneSays({ state, hold, act, request, confirmedAt }: OperationShape['operation']): string {
  if (confirmedAt.length > 0) return `answered 404 at ${confirmedAt.map((at) => time(at)).join(' and ')}`;
  if (!request || state === 'confirming' || state === 'refused') return hold?.reason ?? 'not asked yet';
  const first = `showed the project, ${request.enabled ? 'enabled' : 'disabled'}`;
  if (act?.what === 'delete' && act.done) return `${first}, and shows it no more`;
  const wasDisabled = act?.what === 'delete' || (act?.what === 'disable' && act.done);
  return request.enabled && wasDisabled ? `${first}, and has disabled it` : first;
}

const DOING = {
  enter: 'takes a role on the project',
  leave: 'gives the role on the project back',
  disable: 'disables the project',
  delete: 'deletes the project',
} as const;

/** One that failed for good is the reason why it is held, and not under way; only giving a role back goes on then. */
function actUnderWay({ act, state }: OperationShape['operation'], now: number): string | undefined {
  if (!act || act.done || (state === 'held' && act.what !== 'leave')) return undefined;
  return `${DOING[act.what]} in Keystone, for ${duration(now - act.since)}`;
}

function states({ tasks }: OperationShape, colour: Colours): string {
  // Of some forty services most clouds have a dozen: one line is enough for the rest.
  const isLacking = ({ region, state }: TaskShape): boolean => region === NO_REGION && state === 'skipped';
  const rows = tasks
    .filter((task) => !isLacking(task))
    .map((task) => [task.service, task.region, coloured(task.state, colour), task.because ?? note(task)]);
  const lacking = tasks.filter(isLacking).map(({ service }) => service);
  return [
    ...(rows.length > 0 ? [table(['SERVICE', 'REGION', 'STATE', 'NOTE'], rows)] : []),
    ...(lacking.length > 0 ? [`not in the catalog of this cloud: ${lacking.join(', ')}`] : []),
  ].join('\n');
}

const note = ({ phase, state }: TaskShape): string => (phase === 'early' && state === 'requested' ? 'while the project lives' : '');

function kinds({ tasks }: OperationShape): string {
  const rows = tasks.flatMap((task) =>
    Object.entries(task.counts)
      .filter(([, { found }]) => found > 0)
      .map(([kind, { found, removed, left }]) => [kind, found, removed, left]),
  );
  return rows.length > 0 ? table(['KIND', 'FOUND', 'REMOVED', 'LEFT'], rows, ['FOUND', 'REMOVED', 'LEFT']) : '';
}

const waits = ({ waitsOn }: OperationShape, now: number, colour: Colours): string[] =>
  waitsOn.flatMap(({ on, since, actor, advice, requestId }) => [
    `${actor === 'nobody' ? '·' : colour.yellow('!')} ${on}`,
    `    for ${duration(now - since)}; ${actor === 'nobody' ? 'goes on by itself' : `the ${actor} must act`}${requestId ? `; ${requestId}` : ''}`,
    ...(advice ? [`    ${advice}`] : []),
  ]);

const isUnreachable = ({ state }: TaskShape): boolean => state === 'unreachable';

const forTheOperator = ({ conditions }: TaskShape) =>
  conditions.filter(({ class: is, actor }) => is === 'Unsupported' && actor === 'operator');

const outOfReach = (task: TaskShape): string[] => [
  `? ${task.service} in ${task.region}: ${task.because ?? 'it could not be reached'}`,
  ...forTheOperator(task).flatMap(({ kind, message, advice }) => [
    `    ${kind ?? task.service}: ${message}`,
    ...(advice ? [`      ${advice}`] : []),
  ]),
];

const stays = (task: TaskShape): string[] =>
  forTheOperator(task).flatMap(({ kind, message, advice }) => [
    `- ${kind ?? task.service}: ${message}`,
    ...(advice ? [`    ${advice}`] : []),
  ]);

function coverage({ uncovered, waived: counted }: OperationShape['operation'], waivers: readonly WaiverShape[]): string {
  const { open } = weigh(
    uncovered.map(({ type }) => ({ type, types: [type] })),
    waivers,
  );
  const waived = waivers.filter(({ type }) => [...uncovered, ...counted].some((one) => one.type === type));
  const named = (type: string): string => {
    const name = uncovered.find((one) => one.type === type)?.name;
    return name === undefined ? type : `${type} (${name})`;
  };
  const advice = 'What they hold of it is not known. One that holds nothing of projects: propagator waive TYPE --reason "…"';
  return [
    titled('Not covered: the catalog has these, and no service file does', [
      ...open.map(({ type }) => `? ${named(type)}`),
      ...(open.length > 0 ? [`    ${advice}`] : []),
    ]),
    titled(
      'Waived',
      waived.map(({ type, by, reason, at }) => `- ${named(type)}: by ${by} at ${time(at)}: ${reason}`),
    ),
  ]
    .filter((block) => block !== '')
    .join('\n\n');
}
