import type { KeystoneActionName } from '../../../events/operation.ts';
import { durationText, timeText } from '../output.ts';
import type { OperationShape } from '../shapes.ts';
import type { Colors } from '../terminal.ts';
import { accountText, colorState, operationDurationText } from './operations.ts';

/** A line with a name and a text. A line without a text is not shown. */
type NamedLine = readonly [name: string, text: string | false | undefined];

/** Returns the lines that describe an operation: account, state, cause, plan and Keystone. */
export function operationHead(
  operation: OperationShape['operation'],
  now: number,
  color: Colors,
): string {
  const { action, generation, hold, id, mode, nextDeletion, plan, released, scope, state } =
    operation;
  const cancellation = state === 'canceled' ? hold : undefined;
  const lines: readonly NamedLine[] = [
    [
      'state',
      `${colorState(state, color)}, mode ${mode}, for ${operationDurationText(operation, now)}`,
    ],
    ['because', becauseText(operation)],
    ['end', cancellation?.reason],
    ['', cancellation && (cancellation.advice ?? '')],
    ...recoveryLines(operation),
    ['plan', plan && planText(plan)],
    [
      'see',
      action === 'plan' && state === 'observed' && `propagator operation show ${id} --resources`,
    ],
    ['generation', generation > 1 && action !== 'plan' && generationText(operation)],
    ['Keystone', keystoneText(operation)],
    ['released', released && `by ${released.by} at ${timeText(released.at)}: ${released.reason}`],
    ['now', keystoneActionText(operation, now)],
    [
      'next',
      nextDeletion &&
        `another deletion was received (${nextDeletion.eventType}); its operation starts when ` +
          'this one ends',
    ],
  ];
  return [
    `${color.bold(id)}  ${action} of ${accountText(operation)} (${scope.id})`,
    ...lines.flatMap(([name, text]) => (typeof text === 'string' ? [name.padEnd(11) + text] : [])),
  ].join('\n');
}

function planText({
  of: planId,
  approvals,
}: NonNullable<OperationShape['operation']['plan']>): string {
  const approvalTexts = approvals.map(({ by, at }) => `${by} at ${timeText(at)}`);
  return `${planId}, approved by ${approvalTexts.join(' and ')}`;
}

/** Returns the lines for the recovery window, with the commands that cancel or end it. */
function recoveryLines({
  id,
  recovery,
  startedAt,
  state,
}: OperationShape['operation']): readonly NamedLine[] {
  if (!recovery) return [];
  const isCanceledInWindow = state === 'canceled' && startedAt === undefined;
  const endText = isCanceledInWindow ? 'was canceled' : 'is over';
  if (state !== 'recoverable')
    return [['window', `of ${durationText(recovery.lengthMillis)}, ${endText}`]];
  const reminders = recovery.reminders.map(
    ({ beforeMillis, sentAt }) =>
      `${durationText(beforeMillis)} before${sentAt === undefined ? '' : ' (published)'}`,
  );
  return [
    ['window', `recoverable until ${timeText(recovery.seenAt + recovery.remainingMillis)}`],
    ['reminders', reminders.length > 0 && reminders.join(', ')],
    ['cancel', `propagator operation cancel ${id} --reason "…"`],
    ['remove now', `propagator operation release ${id} --reason "…"`],
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
    return `requested by ${request.by} at ${timeText(request.at)}: ${request.reason}`;
  if (request) {
    const accountAtRequest = request.enabled
      ? `The ${scope.type} was enabled, and ${request.by} confirmed the deletion.`
      : `The ${scope.type} was disabled.`;
    const requestedText = `requested by ${request.by} at ${timeText(request.at)}.`;
    return `${requestedText} ${accountAtRequest} Reason: ${request.reason}`;
  }
  const by = cause.initiator ? ` by ${cause.initiator.name ?? cause.initiator.userId}` : '';
  const noteText = cause.note ? `; ${cause.note}` : '';
  return `${cause.eventType}${by}, received at ${timeText(openedAt)}${noteText}`;
}

/** Why this operation is not the first one on its account. */
function generationText({ generation, request, rerun }: OperationShape['operation']): string {
  if (rerun)
    return (
      `${generation} of this account; ${rerun.by} ran ${rerun.of} again at ` +
      `${timeText(rerun.at)}: ${rerun.reason}`
    );
  return request
    ? `${generation} of this account; it was requested after the earlier operation`
    : `${generation} of this account; the account was deleted again after the earlier operation`;
}

/** Returns what Keystone showed of the account, and how the operation has changed it since. */
function keystoneText(operation: OperationShape['operation']): string {
  const { action, hold, confirmedAt, scope } = operation;
  if (action === 'cleanup') return keystoneTextOfCleanup(operation);
  if (confirmedAt.length > 0) return `showed this change at ${timesText(confirmedAt)}`;
  if (action === 'plan' && !hold) return `shows the ${scope.type}; a plan changes nothing`;
  return unconfirmedText(operation);
}

function keystoneTextOfCleanup(operation: OperationShape['operation']): string {
  const { state, request, confirmedAt, scope } = operation;
  if (confirmedAt.length > 0) return `answered 404 at ${timesText(confirmedAt)}`;
  if (!request || state === 'confirming' || state === 'refused') return unconfirmedText(operation);
  const atRequest = `showed the ${scope.type}, ${request.enabled ? 'enabled' : 'disabled'}`;
  const change = changeInKeystone(operation, request.enabled);
  return change === undefined ? atRequest : `${atRequest}; it is now ${change}`;
}

const unconfirmedText = ({ hold }: OperationShape['operation']): string =>
  hold?.reason ?? 'has not been asked yet';
const timesText = (times: readonly number[]): string =>
  times.map((at) => timeText(at)).join(' and ');

/** Returns how the operation has changed the account in Keystone, or `undefined`. */
function changeInKeystone(
  { keystoneAction }: OperationShape['operation'],
  wasEnabled: boolean,
): 'deleted' | 'disabled' | undefined {
  if (keystoneAction?.what === 'delete' && keystoneAction.done) return 'deleted';
  // An operation disables an enabled account before it deletes the account.
  const isDisabled =
    keystoneAction?.what === 'delete' ||
    (keystoneAction?.what === 'disable' && keystoneAction.done) ||
    (keystoneAction?.what === 'enable' && !keystoneAction.done);
  return wasEnabled && isDisabled ? 'disabled' : undefined;
}

const IN_PROGRESS_TEXTS: Readonly<Record<KeystoneActionName, string>> = {
  'assign-role': 'assigning roles to the propagator on',
  'revoke-role': 'revoking the roles of the propagator on',
  disable: 'disabling',
  enable: 'enabling',
  delete: 'deleting',
};

/**
 * Returns the Keystone action in progress, or `undefined`. When an action fails, the operation is
 * held and the action ends. Only the revocation of a role continues during a hold.
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
    `${IN_PROGRESS_TEXTS[keystoneAction.what]} the ${scope.type} in Keystone, for ` +
    `${durationText(now - keystoneAction.since)}`
  );
}
