import { createHash } from 'node:crypto';
import { OperationId } from '../../events/ids.ts';
import type { Operation, Scope } from './model.ts';

/**
 * Returns the record of an operation that has just been opened and waits for Keystone. The action
 * is `cleanup`, unless the caller changes it.
 */
export const newOperation = (
  input: Pick<Operation, 'id' | 'scope' | 'generation' | 'mode' | 'cause' | 'notBefore'> & {
    readonly now: number;
    readonly parentId?: OperationId | undefined;
  },
): Operation => ({
  id: input.id,
  action: 'cleanup',
  scope: input.scope,
  generation: input.generation,
  mode: input.mode,
  state: 'confirming',
  cause: input.cause,
  parentId: input.parentId,
  confirmedAt: [],
  confirmation: 1,
  notBefore: input.notBefore,
  order: [],
  children: [],
  hold: undefined,
  request: undefined,
  rerun: undefined,
  nextDeletion: undefined,
  keystoneAction: undefined,
  roles: [],
  uncovered: [],
  leftOut: [],
  waived: [],
  released: undefined,
  openedAt: input.now,
  startedAt: undefined,
  endedAt: undefined,
  version: 0,
});

/** Returns `op-` and the start of a SHA-256 of the action, the account and the generation. */
export function operationId(
  scope: Pick<Scope, 'type' | 'id'>,
  generation: number,
  action: Operation['action'] = 'cleanup',
): OperationId {
  const digest = createHash('sha256')
    .update([action, scope.type, scope.id, generation].join('\n'))
    .digest('hex');
  return OperationId.parse(`op-${digest.slice(0, 12)}`);
}
