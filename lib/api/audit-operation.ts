import type { Context } from 'hono';
import type { AuditedDecision, AuditRecord } from '../audit/entry.ts';
import type { Operation } from '../operation/model.ts';
import { auditRecord } from './audit.ts';
import type { ApiDeps } from './deps.ts';

/** The target of an audit record about an operation. */
export const auditTargetOf = ({ id, scope }: Operation) => ({
  type: 'operation',
  id,
  operations: [id],
  name: `${scope.type} ${scope.name ?? scope.id}`,
});

/**
 * Returns a function that makes the audit record of an operation that this request opened.
 * `earlierOperation`: the operation that the request approves or runs again.
 */
export const auditRecordBuilder =
  (
    context: Context,
    what: AuditedDecision,
    reason: string,
    { now }: Pick<ApiDeps, 'now'>,
    earlierOperation?: Operation,
  ) =>
  (opened: Operation, superseded: Operation | undefined): AuditRecord =>
    auditRecord(context, now(), {
      what,
      target: {
        ...auditTargetOf(opened),
        operations: [opened.id, ...(earlierOperation ? [earlierOperation.id] : [])],
      },
      reason,
      before: auditedStateOf(superseded ?? earlierOperation),
      after: auditedStateOf(opened),
    });

const auditedStateOf = (operation: Operation | undefined) =>
  operation
    ? {
        operation: operation.id,
        action: operation.action,
        mode: operation.mode,
        state: operation.state,
        scope: { type: operation.scope.type, id: operation.scope.id },
      }
    : null;
