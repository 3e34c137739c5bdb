import type { KeystoneActionName } from '../../../events/operation.ts';
import { applyWaivers } from '../../operation/leftovers.ts';
import { NO_REGION } from '../../operation/order.ts';
import { duration, joinBlocks, table, time, titled, wrapped } from '../output.ts';
import type { OperationShape, TaskShape, WaiverShape } from '../shapes.ts';
import type { Colors } from '../terminal.ts';
import { leftOutLines, uncoveredLines } from './coverage.ts';
import { decisionLines } from './dead-letters.ts';
import { projectTable } from './domain-projects.ts';
import { accountText, colored, durationOf } from './operations.ts';

/** All details of one operation. `waivers`: those that apply to it. */
export function showOperation(
  seen: OperationShape,
  waivers: readonly WaiverShape[],
  now: number,
  color: Colors,
): string {
  const blocks = [
    head(seen.operation, now, color),
    projectTable(seen, color),
    states(seen, color),
    resourceTypes(seen),
    titled('Found by this operation and not by the earlier one', foundAgain(seen)),
    titled('Waiting for', waitLines(seen, now, color)),
    titled('Unreachable', seen.tasks.filter(isUnreachable).flatMap(unreachableLines)),
    titled('Retained', seen.tasks.filter((task) => !isUnreachable(task)).flatMap(retained)),
    coverage(seen.operation, waivers),
    titled('Dead letters', decisionLines(seen.decisions)),
    seen.notice ?? '',
  ];
  return joinBlocks(blocks);
}

function head(operation: OperationShape['operation'], now: number, color: Colors): string {
  const action = currentKeystoneAction(operation, now);
  const { released } = operation;
  return [
    `${color.bold(operation.id)}  ${operation.action} of ` +
      `${accountText(operation)} (${operation.scope.id})`,
    `state      ${colored(operation.state, color)}, mode ${operation.mode}, for ` +
      `${durationOf(operation, now)}`,
    `because    ${because(operation)}`,
    ...(operation.state === 'canceled' && operation.hold
      ? [`end        ${operation.hold.reason}`, `           ${operation.hold.advice ?? ''}`]
      : []),
    ...recoveryLines(operation),
    ...(operation.plan
      ? [
          `plan       ${operation.plan.of}, approved by ` +
            operation.plan.approvals.map(({ by, at }) => `${by} at ${time(at)}`).join(' and '),
        ]
      : []),
    ...(operation.action === 'plan' && operation.state === 'observed'
      ? [`see        propagator operation show ${operation.id} --resources`]
      : []),
    ...(operation.generation > 1 && operation.action !== 'plan'
      ? [`run        ${generation(operation)}`]
      : []),
    `Keystone   ${keystoneState(operation)}`,
    ...(released
      ? [`released   by ${released.by} at ${time(released.at)}: ${released.reason}`]
      : []),
    ...(action ? [`now        ${action}`] : []),
    ...(operation.next
      ? [
          `next       another deletion was received (${operation.next.eventType}); its ` +
            'operation starts when this one ends',
        ]
      : []),
  ].join('\n');
}

/** The recovery window, its reminders, and the commands that cancel it or end it now. */
function recoveryLines({ id, recovery, startedAt, state }: OperationShape['operation']): string[] {
  if (!recovery) return [];
  const isTakenBack = state === 'canceled' && startedAt === undefined;
  const end = isTakenBack ? 'was canceled' : 'is over';
  if (state !== 'recoverable') return [`window     of ${duration(recovery.lengthMillis)}, ${end}`];
  const reminders = recovery.reminders.map(
    ({ beforeMillis, sentAt }) =>
      `${duration(beforeMillis)} before${sentAt === undefined ? '' : ' (published)'}`,
  );
  return [
    `window     recoverable until ${time(recovery.seenAt + recovery.remainingMillis)}`,
    ...(reminders.length > 0 ? [`reminders  ${reminders.join(', ')}`] : []),
    `cancel     propagator operation cancel ${id} --reason "…"`,
    `remove now propagator operation release ${id} --reason "…"`,
  ];
}

function because({ action, cause, request, openedAt, scope }: OperationShape['operation']): string {
  if (request && action === 'plan')
    return `requested by ${request.by} at ${time(request.at)}: ${request.reason}`;
  if (request) {
    const confirmed = request.enabled ? 'enabled, confirmed by its name' : 'disabled';
    return (
      `requested by ${request.by} at ${time(request.at)} while the ${scope.type} was ` +
      `${confirmed}: ${request.reason}`
    );
  }
  const by = cause.initiator ? ` by ${cause.initiator.name ?? cause.initiator.userId}` : '';
  const note = cause.note ? `; ${cause.note}` : '';
  return `${cause.eventType}${by}, received at ${time(openedAt)}${note}`;
}

/** An account can have several cleanups: see `rerun`. */
const generation = ({ generation: number, request, rerun }: OperationShape['operation']): string =>
  rerun
    ? `number ${number} for this account; ${rerun.by} ran ${rerun.of} again at ` +
      `${time(rerun.at)}: ${rerun.reason}`
    : request
      ? `number ${number} for this account, which was requested after the earlier operation`
      : `number ${number} for this account, which was deleted again after the earlier operation`;

/**
 * The types of which a rerun found more resources than the earlier operation had left or listed.
 */
function foundAgain({ foundAgain: found, operation }: OperationShape): string[] {
  const { rerun } = operation;
  if (!found || !rerun) return [];
  if (found.length === 0) return [`nothing; ${rerun.of} had found the same`];
  return found.map(
    ({ resourceType, region, found: count, leftBefore }) =>
      `${resourceType} in ${region}: ${count}; ${rerun.of} ` +
      (leftBefore === undefined ? 'did not list them' : `had left ${leftBefore}`),
  );
}

function keystoneState({
  action,
  state,
  hold,
  keystoneAction,
  request,
  confirmedAt,
  scope,
}: OperationShape['operation']): string {
  if (action === 'plan' && confirmedAt.length === 0 && !hold)
    return `shows the ${scope.type}; a plan changes nothing`;
  if (action !== 'cleanup')
    return confirmedAt.length > 0
      ? `showed this change at ${confirmedAt.map((at) => time(at)).join(' and ')}`
      : (hold?.reason ?? 'has not been asked yet');
  if (confirmedAt.length > 0)
    return `answered 404 at ${confirmedAt.map((at) => time(at)).join(' and ')}`;
  if (!request || state === 'confirming' || state === 'refused')
    return hold?.reason ?? 'has not been asked yet';
  const first = `showed the ${scope.type}, ${request.enabled ? 'enabled' : 'disabled'}`;
  if (keystoneAction?.what === 'delete' && keystoneAction.done)
    return `${first}; it is now deleted`;
  const wasDisabled =
    keystoneAction?.what === 'delete' ||
    (keystoneAction?.what === 'disable' && keystoneAction.done) ||
    (keystoneAction?.what === 'enable' && !keystoneAction.done);
  return request.enabled && wasDisabled ? `${first}; it is now disabled` : first;
}

const IN_PROGRESS: Readonly<Record<KeystoneActionName, string>> = {
  'assign-role': 'assigning a role on',
  'revoke-role': 'revoking the role on',
  disable: 'disabling',
  enable: 'enabling',
  delete: 'deleting',
};

/**
 * The Keystone action in progress. A failed action holds the operation, so only the revocation of a
 * role continues during a hold.
 */
function currentKeystoneAction(
  { keystoneAction, scope, state }: OperationShape['operation'],
  now: number,
): string | undefined {
  if (
    !keystoneAction ||
    keystoneAction.done ||
    (state === 'held' && keystoneAction.what !== 'revoke-role')
  )
    return undefined;
  return (
    `${IN_PROGRESS[keystoneAction.what]} the ${scope.type} in Keystone, for ` +
    `${duration(now - keystoneAction.since)}`
  );
}

function states({ tasks }: OperationShape, color: Colors): string {
  // A cloud has about a dozen of some forty services. The other services share one line.
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
    ...(lacking.length > 0 ? [`not in this cloud: ${lacking.join(', ')}`] : []),
  ].join('\n');
}

const note = ({ phase, state }: TaskShape): string =>
  phase === 'pre-delete' && state === 'requested' ? 'before the deletion' : '';

/** The title of the column for completed resources, by action. The default is `REMOVED`. */
const DONE: Readonly<Record<string, string>> = {
  provision: 'READY',
  suspend: 'SUSPENDED',
  resume: 'RESUMED',
};

function resourceTypes({ operation, tasks }: OperationShape): string {
  const done = DONE[operation.action] ?? 'REMOVED';
  const rows = tasks.flatMap((task) =>
    Object.entries(task.counts)
      .filter(([, { found }]) => found > 0)
      .map(([resourceType, { found, removed, left }]) => [resourceType, found, removed, left]),
  );
  return rows.length > 0
    ? table(['TYPE', 'FOUND', done, 'LEFT'], rows, ['FOUND', done, 'LEFT'])
    : '';
}

/** The causes that an operation waits for, each with its age and the actor that must act. */
export const waitLines = ({ waitsOn }: OperationShape, now: number, color: Colors): string[] =>
  waitsOn.flatMap(({ on, since, actor, advice, requestId }) => [
    `${actor === 'none' ? '·' : color.yellow('!')} ${on}`,
    `    for ${duration(now - since)}; ` +
      (actor === 'none' ? 'no action needed' : `the ${actor} must act`) +
      (requestId ? `; ${requestId}` : ''),
    ...(advice ? [`    ${advice}`] : []),
  ]);

const isUnreachable = ({ state }: TaskShape): boolean => state === 'unreachable';

const forTheOperator = ({ conditions }: TaskShape) =>
  conditions.filter(
    ({ class: errorClass, actor }) => errorClass === 'Unsupported' && actor === 'operator',
  );

const byReason = (conditions: TaskShape['conditions']) =>
  Map.groupBy(conditions, ({ message, advice }) => `${message}\n${advice ?? ''}`);

/** Resource types that are unreachable for the same reason share one entry. */
const unreachableLines = (task: TaskShape): string[] => [
  `? ${task.service} in ${task.region}: ${task.because ?? 'no reason was reported'}`,
  ...[...byReason(forTheOperator(task)).values()].flatMap((same) => {
    const types = same.map(({ resourceType }) => resourceType ?? task.service).join(', ');
    const { message, advice } = same[0] as (typeof same)[number];
    return [
      wrapped(`${types}: ${message}`, '    '),
      ...(advice ? [wrapped(advice, '      ')] : []),
    ];
  }),
];

const retained = (task: TaskShape): string[] =>
  forTheOperator(task).flatMap(({ resourceType, message, advice, count, example }) => [
    `- ${resourceType ?? task.service}: ${message}`,
    ...(example === undefined
      ? []
      : [count === 1 ? `    ${example}` : `    ${count} of them, for example ${example}`]),
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
    'Their resources are unknown. If a type has no resources of projects: propagator waiver ' +
    'add TYPE --reason "…"';
  return joinBlocks([
    titled('Not covered: registered in Keystone, but no operation lists them', [
      ...uncoveredLines(open),
      ...(open.length > 0 ? [`    ${advice}`] : []),
    ]),
    titled('Excluded by a setting', leftOutLines(leftOut)),
    titled(
      'Waived',
      waived.map(
        ({ type, by, reason, at }) => `- ${named(type)}: by ${by} at ${time(at)}: ${reason}`,
      ),
    ),
  ]);
}
