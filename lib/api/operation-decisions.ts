import type { Context, Hono } from 'hono';
import * as z from 'zod';
import { OperationId } from '../../events/ids.ts';
import type { OutgoingMessage } from '../../events/index.ts';
import { whyNotCanceled } from '../operation/cancel.ts';
import { hasEnded } from '../operation/ended.ts';
import type { Mode, Operation } from '../operation/model.ts';
import { canBeRestored } from '../operation/recovery-window.ts';
import { startAdvice } from '../operation/start-advice.ts';
import { auditRecord } from './audit.ts';
import { auditTargetOf } from './audit-operation.ts';
import { callerOf } from './authentication.ts';
import { callerNotAllowedInBody, readJson, reasonText } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { answerUnknownOperation, problemBody } from './problem.ts';

/** The body of a release and of a cancellation. */
export const ReleaseBody = z.strictObject({ reason: reasonText, by: callerNotAllowedInBody });

/** The person who decides about an operation, and the reason. */
interface OperationDecision {
  readonly by: string;
  readonly reason: string;
}

/** The maximum number of attempts to cancel. After a conflict the route reads and decides again. */
const MAX_CANCEL_ATTEMPTS = 10;

/** The route that cancels a requested operation. */
export function cancelRoute(app: Hono, deps: ApiDeps): void {
  app.post('/v1/operations/:id/cancel', async (context) => {
    const operationId = OperationId.parse(context.req.param('id'));
    const { reason } = await readJson(context, ReleaseBody);
    const decision = { by: callerOf(context), reason };
    for (let attempt = 0; attempt < MAX_CANCEL_ATTEMPTS; attempt += 1) {
      const response = await cancelOperation(context, operationId, decision, deps);
      if (response !== 'conflict') return response;
    }
    return context.json(
      problemBody('conflict', `${operationId} changed during each attempt; try again`),
      409,
    );
  });
}

/** Returns `conflict` if the operation changed between the read and the commit. */
async function cancelOperation(
  context: Context,
  operationId: OperationId,
  { by, reason }: OperationDecision,
  { engine, now }: ApiDeps,
): Promise<Response | 'conflict'> {
  const operation = await engine.reads.operation(operationId);
  if (!operation) return answerUnknownOperation(context);
  const because = whyNotCancelable(operation);
  if (because !== undefined) return context.json(problemBody('operation', because), 409);
  const auditedDecision = {
    what: 'operation.canceled',
    target: auditTargetOf(operation),
    reason,
    before: { state: operation.state },
    after: { canceled: true },
  } as const;
  const outcome = await engine.commit({
    // The field `canceled` stops every deletion in Keystone even before the message below is
    // handled. In a recovery window the field stops every removal.
    operations: [{ ...operation, canceled: { by, reason, at: now() } }],
    messages: [{ type: 'operation.canceled', data: { operationId, by, reason } }],
    audit: [auditRecord(context, now(), auditedDecision)],
  });
  return outcome === 'conflict'
    ? outcome
    : context.json({ canceled: operationId, putBack: canBeRestored(operation) }, 202);
}

function whyNotCancelable(operation: Operation): string | undefined {
  return operation.canceled && !hasEnded(operation)
    ? `${operation.id} is canceled already, by ${operation.canceled.by}`
    : whyNotCanceled(operation);
}

/** The route that releases a held, observed or recoverable operation. */
export function releaseRoute(app: Hono, { engine, mode, now }: ApiDeps): void {
  app.post('/v1/operations/:id/release', async (context) => {
    const operationId = OperationId.parse(context.req.param('id'));
    const { reason } = await readJson(context, ReleaseBody);
    const operation = await engine.reads.operation(operationId);
    if (!operation) return answerUnknownOperation(context);
    const message = releaseMessage(operation, { by: callerOf(context), reason }, mode);
    if (!message) return context.json(notReleasableProblem(operation), 409);
    const auditedDecision = {
      what: 'operation.released',
      target: auditTargetOf(operation),
      reason,
      before: { state: operation.state, hold: operation.hold ?? null },
      after: { released: true },
    } as const;
    await engine.commit({
      messages: [message],
      audit: [auditRecord(context, now(), auditedDecision)],
    });
    return context.json({ released: operationId }, 202);
  });
}

/**
 * Returns the message that continues a held or recoverable operation, or that carries out an
 * observed operation. An observed operation is carried out only in the mode `enforce`. Returns
 * `undefined` for an operation that cannot be released.
 */
function releaseMessage(
  operation: Operation,
  decision: OperationDecision,
  mode: Mode,
): OutgoingMessage | undefined {
  const { id, state, scope, cause, request, hold } = operation;
  if (state === 'held' || state === 'recoverable')
    return {
      type: 'operation.released',
      data: { operationId: id, ...decision, since: hold?.since },
    };
  // A release carries out only a cleanup. The policy decides whether a suspend, resume or provision
  // is carried out.
  if (state !== 'observed' || mode !== 'enforce' || request || operation.action !== 'cleanup')
    return undefined;
  const releasedCause = {
    ...cause,
    messageId: `released/${id}`,
    note: `released by ${decision.by}: ${decision.reason}`,
  };
  return { type: `account.${scope.type}.deleted`, data: { account: scope, cause: releasedCause } };
}

function notReleasableProblem(operation: Operation) {
  const { action, scope, state } = operation;
  if (state === 'observed' && action !== 'plan' && action !== 'cleanup')
    return problemBody(
      'operation',
      `the ${action} was only observed, and a release carries out only a cleanup`,
      startAdvice(action, scope),
    );
  return problemBody('operation', whyNotReleasable(operation));
}

function whyNotReleasable(operation: Operation): string {
  if (operation.action === 'plan')
    return `a plan needs an approval: propagator operation approve ${operation.id} --digest DIGEST`;
  if (operation.state === 'observed' && operation.request)
    return (
      'the operation was only observed; run it again: propagator operation rerun ' +
      `${operation.id} --reason "…"`
    );
  return operation.state === 'observed'
    ? 'the operation was only observed, and the mode is still observe; start the propagator ' +
        'with PROPAGATOR_MODE=enforce, then release the operation again'
    : `the operation is ${operation.state}; a release needs a held, observed or recoverable ` +
        `operation. To run an ended operation again: propagator operation rerun ${operation.id} ` +
        '--reason "…"';
}
