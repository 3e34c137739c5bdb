import { applyWaivers } from '../../operation/coverage.ts';
import { NO_REGION } from '../../operation/order.ts';
import { duration, table, time } from '../output.ts';
import type { OperationShape, TaskShape, WaiverShape } from '../shapes.ts';
import type { Colors } from '../terminal.ts';
import { leftOutLines, uncoveredLines } from './coverage.ts';
import { decisionLines } from './dead-letters.ts';
import { colored, lasted, who } from './operations.ts';

/** All details of one operation. `waivers`: those that apply to it. */
export function showOperation(
  seen: OperationShape,
  waivers: readonly WaiverShape[],
  now: number,
  color: Colors,
): string {
  const blocks = [
    head(seen.operation, now, color),
    states(seen, color),
    resourceTypes(seen),
    titled('Found by this run and not by the earlier one', foundAgain(seen)),
    titled('Waits on', waits(seen, now, color)),
    titled('Out of reach', seen.tasks.filter(isUnreachable).flatMap(outOfReach)),
    titled('Stays', seen.tasks.filter((task) => !isUnreachable(task)).flatMap(retained)),
    coverage(seen.operation, waivers),
    titled('Dead letters', decisionLines(seen.decisions)),
    seen.notice ?? '',
  ];
  return blocks.filter((block) => block !== '').join('\n\n');
}

const titled = (title: string, lines: readonly string[]): string =>
  lines.length > 0 ? `${title}\n${lines.join('\n')}` : '';

function head(operation: OperationShape['operation'], now: number, color: Colors): string {
  const keystoneActions = actUnderWay(operation, now);
  const { released } = operation;
  return [
    `${color.bold(operation.id)}  cleanup of ${who(operation)} (${operation.scope.id})`,
    `state      ${colored(operation.state, color)}, mode ${operation.mode}, for ${lasted(operation, now)}`,
    `because    ${because(operation)}`,
    ...(operation.generation > 1 ? [`run        ${generation(operation)}`] : []),
    `Keystone   ${keystoneSays(operation)}`,
    ...(released
      ? [`released   by ${released.by} at ${time(released.at)}: ${released.reason}`]
      : []),
    ...(keystoneActions ? [`now        ${keystoneActions}`] : []),
    ...(operation.next
      ? [
          `next       another deletion was announced (${operation.next.eventType}); its operation begins when this one ends`,
        ]
      : []),
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

/** An account can have several cleanups: see `rerun`. */
const generation = ({ generation: number, rerun }: OperationShape['operation']): string =>
  rerun
    ? `number ${number} about this account; ${rerun.by} ran ${rerun.of} again at ${time(rerun.at)}: ${rerun.reason}`
    : `number ${number} about this account: it was deleted again after the earlier one`;

/** What a rerun found that the earlier operation had removed or not listed. */
function foundAgain({ foundAgain: found, operation }: OperationShape): string[] {
  const { rerun } = operation;
  if (!found || !rerun) return [];
  if (found.length === 0) return [`nothing that ${rerun.of} had not found`];
  return found.map(
    ({ resourceType, region, found: count, leftBefore }) =>
      `${resourceType} in ${region}: ${count}; ${leftBefore === undefined ? `${rerun.of} did not list them` : `${rerun.of} had left ${leftBefore}`}`,
  );
}

function keystoneSays({
  state,
  hold,
  keystoneAction,
  request,
  confirmedAt,
}: OperationShape['operation']): string {
  if (confirmedAt.length > 0)
    return `answered 404 at ${confirmedAt.map((at) => time(at)).join(' and ')}`;
  if (!request || state === 'confirming' || state === 'refused')
    return hold?.reason ?? 'not asked yet';
  const first = `showed the project, ${request.enabled ? 'enabled' : 'disabled'}`;
  if (keystoneAction?.what === 'delete' && keystoneAction.done)
    return `${first}, and shows it no more`;
  const wasDisabled =
    keystoneAction?.what === 'delete' ||
    (keystoneAction?.what === 'disable' && keystoneAction.done);
  return request.enabled && wasDisabled ? `${first}, and has disabled it` : first;
}

const DOING = {
  'assign-role': 'takes a role on the project',
  'revoke-role': 'gives the role on the project back',
  disable: 'disables the project',
  delete: 'deletes the project',
} as const;

/**
 * A failed Keystone action is the reason of a hold and not in progress. Only the revocation of a
 * role continues during a hold.
 */
function actUnderWay(
  { keystoneAction, state }: OperationShape['operation'],
  now: number,
): string | undefined {
  if (
    !keystoneAction ||
    keystoneAction.done ||
    (state === 'held' && keystoneAction.what !== 'revoke-role')
  )
    return undefined;
  return `${DOING[keystoneAction.what]} in Keystone, for ${duration(now - keystoneAction.since)}`;
}

function states({ tasks }: OperationShape, color: Colors): string {
  // A cloud has about a dozen of some forty services; the others share one line.
  const isLacking = ({ region, state }: TaskShape): boolean =>
    region === NO_REGION && state === 'skipped';
  const rows = tasks
    .filter((task) => !isLacking(task))
    .map((task) => [
      task.service,
      task.region,
      colored(task.state, color),
      task.because ?? note(task),
    ]);
  const lacking = tasks.filter(isLacking).map(({ service }) => service);
  return [
    ...(rows.length > 0 ? [table(['SERVICE', 'REGION', 'STATE', 'NOTE'], rows)] : []),
    ...(lacking.length > 0 ? [`this cloud does not have: ${lacking.join(', ')}`] : []),
  ].join('\n');
}

const note = ({ phase, state }: TaskShape): string =>
  phase === 'pre-delete' && state === 'requested' ? 'while the project lives' : '';

function resourceTypes({ tasks }: OperationShape): string {
  const rows = tasks.flatMap((task) =>
    Object.entries(task.counts)
      .filter(([, { found }]) => found > 0)
      .map(([resourceType, { found, removed, left }]) => [resourceType, found, removed, left]),
  );
  return rows.length > 0
    ? table(['KIND', 'FOUND', 'REMOVED', 'LEFT'], rows, ['FOUND', 'REMOVED', 'LEFT'])
    : '';
}

const waits = ({ waitsOn }: OperationShape, now: number, color: Colors): string[] =>
  waitsOn.flatMap(({ on, since, actor, advice, requestId }) => [
    `${actor === 'none' ? '·' : color.yellow('!')} ${on}`,
    `    for ${duration(now - since)}; ${actor === 'none' ? 'goes on by itself' : `the ${actor} must act`}${requestId ? `; ${requestId}` : ''}`,
    ...(advice ? [`    ${advice}`] : []),
  ]);

const isUnreachable = ({ state }: TaskShape): boolean => state === 'unreachable';

const forTheOperator = ({ conditions }: TaskShape) =>
  conditions.filter(({ class: is, actor }) => is === 'Unsupported' && actor === 'operator');

const outOfReach = (task: TaskShape): string[] => [
  `? ${task.service} in ${task.region}: ${task.because ?? 'it could not be reached'}`,
  ...forTheOperator(task).flatMap(({ resourceType, message, advice }) => [
    `    ${resourceType ?? task.service}: ${message}`,
    ...(advice ? [`      ${advice}`] : []),
  ]),
];

const retained = (task: TaskShape): string[] =>
  forTheOperator(task).flatMap(({ resourceType, message, advice }) => [
    `- ${resourceType ?? task.service}: ${message}`,
    ...(advice ? [`    ${advice}`] : []),
  ]);

function coverage(
  { uncovered, leftOut, waived: counted }: OperationShape['operation'],
  waivers: readonly WaiverShape[],
): string {
  const { open } = applyWaivers(
    uncovered.map((one) => ({ ...one, types: [one.type] })),
    waivers,
  );
  const waived = waivers.filter(({ type }) =>
    [...uncovered, ...counted].some((one) => one.type === type),
  );
  const named = (type: string): string => {
    const name = uncovered.find((one) => one.type === type)?.name;
    return name === undefined ? type : `${type} (${name})`;
  };
  const advice =
    'What they hold of it is not known. One that holds nothing of projects: propagator waiver add TYPE --reason "…"';
  return [
    titled('Not covered: Keystone has these, and no operation looks at them', [
      ...uncoveredLines(open),
      ...(open.length > 0 ? [`    ${advice}`] : []),
    ]),
    titled('Left out by a setting', leftOutLines(leftOut)),
    titled(
      'Waived',
      waived.map(
        ({ type, by, reason, at }) => `- ${named(type)}: by ${by} at ${time(at)}: ${reason}`,
      ),
    ),
  ]
    .filter((block) => block !== '')
    .join('\n\n');
}
