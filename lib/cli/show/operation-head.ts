import type { KeystoneActionName } from '../../../events/operation.ts';
import { duration, time } from '../output.ts';
import type { OperationShape } from '../shapes.ts';
import type { Colors } from '../terminal.ts';
import { accountText, colored, durationOf } from './operations.ts';

/** The account, the state and the cause of an operation. */
export function operationHead(
  operation: OperationShape['operation'],
  now: number,
  color: Colors,
): string {
  const action = keystoneActionText(operation, now);
  const { released } = operation;
  return [
    `${color.bold(operation.id)}  ${operation.action} of ` +
      `${accountText(operation)} (${operation.scope.id})`,
    `state      ${colored(operation.state, color)}, mode ${operation.mode}, for ` +
      `${durationOf(operation, now)}`,
    `because    ${becauseText(operation)}`,
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
      ? [`run        ${generationText(operation)}`]
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

/** The recovery window, its reminders, and the commands that cancel or start the deletion. */
function recoveryLines({ id, recovery, startedAt, state }: OperationShape['operation']): string[] {
  if (!recovery) return [];
  const isCanceledInWindow = state === 'canceled' && startedAt === undefined;
  const end = isCanceledInWindow ? 'was canceled' : 'is over';
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

function becauseText({
  action,
  cause,
  request,
  openedAt,
  scope,
}: OperationShape['operation']): string {
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
const generationText = ({
  generation: number,
  request,
  rerun,
}: OperationShape['operation']): string =>
  rerun
    ? `number ${number} for this account; ${rerun.by} ran ${rerun.of} again at ` +
      `${time(rerun.at)}: ${rerun.reason}`
    : request
      ? `number ${number} for this account, which was requested after the earlier operation`
      : `number ${number} for this account, which was deleted again after the earlier operation`;

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
function keystoneActionText(
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
