import type { Message } from '../../events/index.ts';
import type { DiscardDecision } from './dead-letter.ts';
import { hasEnded } from './ended.ts';
import type { Operation } from './model.ts';

/**
 * Returns a text for a person who discards a dead-letter message that would restore the account.
 * The text says what stays disabled or suspended, and names the commands that restore it. Returns
 * `undefined` if the message would restore nothing.
 */
export function discardWarning(operation: Operation, message: Message): string | undefined {
  const { action, id, keystoneAction, scope } = operation;
  if (scope.type === 'user') return undefined;
  const account = `${scope.type} ${scope.id}`;
  const enableCommand = `openstack ${scope.type} set --enable ${scope.id}`;
  const resumeCommand =
    scope.type === 'project'
      ? `propagator project resume ${scope.id} --reason "…"`
      : 'propagator project resume PROJECT --reason "…", for each of its projects (propagator ' +
        `operation list --domain ${scope.id})`;
  if (message.type === 'service.requested' && action === 'resume')
    return (
      `Resources of ${message.data.service} that are suspended stay suspended in ${account}. ` +
      `To resume them after ${id} has ended: ${resumeCommand}`
    );
  if (!hasEnded(operation)) return undefined;
  if (message.type === 'operation.undo')
    return (
      `Resources of ${account} that ${id} suspended stay suspended. ` +
      `To resume them: ${resumeCommand}`
    );
  if (message.type !== 'operation.keystone-action') return undefined;
  if (message.data.what !== 'enable' || keystoneAction?.number !== message.data.number)
    return undefined;
  return (
    `The ${account} stays disabled in Keystone, and its resources that ${id} suspended stay ` +
    `suspended. To enable it: ${enableCommand}. Then resume it: ${resumeCommand}`
  );
}

/**
 * Returns an ended operation after a person has discarded the message that would have restored the
 * account. The Keystone action counts as done, so the operation waits for nothing. The hold of the
 * operation shows `text`, the result of {@link discardWarning}.
 */
export function withDiscardWarning(
  operation: Operation,
  text: string,
  { by, reason }: Pick<DiscardDecision, 'by' | 'reason'>,
  now: number,
): Operation {
  const { hold, keystoneAction, state } = operation;
  return {
    ...operation,
    ...(keystoneAction ? { keystoneAction: { ...keystoneAction, done: true } } : {}),
    hold: {
      reason: state,
      since: now,
      ...hold,
      advice: `${text}. ${by} discarded the dead letter: ${reason}`,
    },
  };
}
