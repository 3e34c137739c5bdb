import type { Hono } from 'hono';
import * as z from 'zod';
import { DomainId, OperationId, ProjectId, UserId } from '../../events/ids.ts';
import type { Outgoing } from '../../events/index.ts';
import { areDeadLettersBusy } from '../engine/engine-error.ts';
import type { DeadLetter, DeadLetterFilter, Engine } from '../engine/port.ts';
import { whyNotCanceled } from '../operation/cancel.ts';
import { type Mode, OPERATION_STATES, type Operation } from '../operation/model.ts';
import { hasEnded } from '../operation/open.ts';
import { canBeRestored } from '../operation/recovery-window.ts';
import { view } from '../operation/view.ts';
import { auditRecord } from './audit.ts';
import { openedRecord, targetOf } from './audit-operation.ts';
import { callerOf } from './authentication.ts';
import { readJson, reasonText, refusedCallerName, typedText } from './body.ts';
import { type ApiDeps, withoutUndefined } from './deps.ts';
import { Limit } from './limit.ts';
import { commitOpened, refusedWithoutPlan, request, rerun } from './open-operation.ts';
import { noOperation, problem } from './problem.ts';
import { windowFields } from './recovery-window.ts';

/** The query of the list of operations. */
export const OperationQuery = z.strictObject({
  state: z.enum(OPERATION_STATES).optional(),
  project: ProjectId.optional(),
  domain: DomainId.optional(),
  user: UserId.optional(),
  limit: Limit,
});
const reason = reasonText;
export const Release = z.strictObject({ reason, by: refusedCallerName });
/** `name`: the name of the project. It confirms a rerun for an enabled project. */
export const Rerun = z.strictObject({
  reason,
  name: typedText(255).optional(),
  by: refusedCallerName,
});
/** `name`: the name of the project. It confirms the deletion of an enabled project. */
export const Requested = z.strictObject({
  action: z.literal('cleanup'),
  project: ProjectId,
  name: typedText(255).optional(),
  by: refusedCallerName,
  reason: reason.default('requested by an administrator'),
  ...windowFields,
});

/** The maximum attempts of a cancellation. After a conflict the route reads and decides again. */
const MAX_CONFLICTS = 10;

/** Routes that list, show, request and release operations. */
export function operationRoutes(app: Hono, deps: ApiDeps): void {
  const { engine } = deps;
  app.get('/v1/operations', async (context) => {
    return context.json(await viewsOf(OperationQuery.parse(context.req.query()), deps));
  });
  app.post('/v1/operations', async (context) => {
    const requested = await readJson(context, Requested);
    const refused = refusedWithoutPlan(requested.project, deps);
    if (refused) return context.json(problem('refused', refused.because, refused.advice), 409);
    const input = { ...requested, window: requested, by: callerOf(context) };
    const audited = openedRecord(context, 'operation.requested', input.reason, deps);
    const answer = await commitOpened(await request(input, deps), engine, audited);
    return context.json(answer.body, answer.status);
  });
  app.get('/v1/operations/:id', async (context) => {
    const operation = await engine.reads.operation(OperationId.parse(context.req.param('id')));
    if (!operation) return context.json(noOperation(), 404);
    return context.json(await viewOf(operation, deps));
  });
  app.post('/v1/operations/:id/rerun', async (context) => {
    const earlier = await engine.reads.operation(OperationId.parse(context.req.param('id')));
    const input = { ...(await readJson(context, Rerun)), by: callerOf(context) };
    if (!earlier) return context.json(noOperation(), 404);
    const audited = openedRecord(context, 'operation.rerun', input.reason, deps, earlier);
    const answer = await commitOpened(await rerun(earlier, input, deps), engine, audited);
    return context.json(answer.body, answer.status);
  });
  app.post('/v1/operations/:id/cancel', async (context) => {
    const operationId = OperationId.parse(context.req.param('id'));
    const { reason } = await readJson(context, Release);
    const by = callerOf(context);
    for (let tries = 0; tries < MAX_CONFLICTS; tries += 1) {
      const operation = await engine.reads.operation(operationId);
      if (!operation) return context.json(noOperation(), 404);
      const because =
        operation.canceled && !hasEnded(operation)
          ? `${operationId} is canceled already, by ${operation.canceled.by}`
          : whyNotCanceled(operation);
      if (because !== undefined) return context.json(problem('operation', because), 409);
      const audited = {
        what: 'operation.canceled',
        target: targetOf(operation),
        reason,
        before: { state: operation.state },
        after: { canceled: true },
      } as const;
      const outcome = await engine.commit({
        // The field `canceled` stops every deletion in Keystone even before the message below is
        // handled. In a recovery window the field stops every removal.
        operations: [{ ...operation, canceled: { by, reason, at: deps.now() } }],
        messages: [{ type: 'operation.canceled', data: { operationId, by, reason } }],
        audit: [auditRecord(context, deps.now(), audited)],
      });
      if (outcome === 'committed')
        return context.json({ canceled: operationId, putBack: canBeRestored(operation) }, 202);
    }
    return context.json(
      problem('conflict', `${operationId} changed during each attempt; try again`),
      409,
    );
  });
  app.post('/v1/operations/:id/release', async (context) => {
    const operationId = OperationId.parse(context.req.param('id'));
    const { reason } = await readJson(context, Release);
    const decision = { by: callerOf(context), reason };
    const operation = await engine.reads.operation(operationId);
    const message = operation && releaseOf(operation, decision, deps.mode);
    if (!message) {
      const refused = operation ? problem('operation', refusalOf(operation)) : noOperation();
      return context.json(refused, 409);
    }
    const audited = {
      what: 'operation.released',
      target: targetOf(operation),
      reason,
      before: { state: operation.state, hold: operation.hold ?? null },
      after: { released: true },
    } as const;
    await engine.commit({
      messages: [message],
      audit: [auditRecord(context, deps.now(), audited)],
    });
    return context.json({ released: operationId }, 202);
  });
}

/** The answer of `GET /v1/operations`. */
export async function viewsOf(
  { project, domain, user, ...query }: z.output<typeof OperationQuery>,
  deps: ApiDeps,
) {
  const { engine } = deps;
  const filter = withoutUndefined({ ...query, projectId: project, domainId: domain, userId: user });
  const operations = await engine.reads.operations(filter);
  // All operations share one listing of dead-letter messages, because a listing of SQS queues is
  // slow.
  const { deadLetters, notice } = await deadLettersOf(
    engine,
    operations.every(hasEnded) ? undefined : {},
  );
  const views = operations.map((operation) => viewWithTasks(operation, deadLetters, deps));
  return { operations: await Promise.all(views), notice };
}

/** The answer of `GET /v1/operations/:id`. */
export async function viewOf(operation: Operation, deps: ApiDeps) {
  const { engine } = deps;
  const [{ deadLetters, notice }, decisions] = await Promise.all([
    deadLettersOf(engine, hasEnded(operation) ? undefined : { operationId: operation.id }),
    engine.reads.decisions({ operationId: operation.id, limit: 1000 }),
  ]);
  return { ...(await viewWithTasks(operation, deadLetters, deps)), decisions, notice };
}

/**
 * Returns the dead-letter messages. Only one command at a time can list them. While another command
 * does so, the list is empty and a notice says why.
 */
async function deadLettersOf(
  engine: Engine,
  filter: DeadLetterFilter | undefined,
): Promise<{ deadLetters: readonly DeadLetter[]; notice?: string }> {
  if (!filter) return { deadLetters: [] };
  try {
    return { deadLetters: await engine.deadLetters(filter) };
  } catch (thrown) {
    if (!areDeadLettersBusy(thrown)) throw thrown;
    return {
      deadLetters: [],
      notice:
        'Another command is listing the dead letters. A dead-lettered task may be shown as ' +
        'waiting. Run this command again in a minute.',
    };
  }
}

/** The maximum number of projects of a domain that are shown with their counts and blockers. */
const SHOWN_PROJECTS = 50;

async function viewWithTasks(
  operation: Operation,
  allDeadLetters: readonly DeadLetter[],
  { engine, now }: ApiDeps,
) {
  const deadLetters = allDeadLetters.filter(({ operationId }) => operationId === operation.id);
  const { rerun } = operation;
  const [tasks, earlierTasks, children] = await Promise.all([
    engine.reads.tasks(operation.id),
    rerun && operation.scope.type !== 'domain' ? engine.reads.tasks(rerun.of) : undefined,
    operation.children.length > 0
      ? engine.reads.operations({ parentId: operation.id, limit: 10_000 })
      : [],
  ]);
  // A dead letter of an earlier run does not count, because the task has had a later run since.
  const runs = new Map(tasks.map(({ id, run }) => [id, run]));
  const givenUp = new Set(
    deadLetters.flatMap(({ task }) =>
      task && runs.get(task.taskId) === task.run ? [task.taskId] : [],
    ),
  );
  const lostMessages = deadLetters
    .filter(({ queue }) => queue === 'coordinate')
    .map(({ message, at }) => ({ what: message?.type ?? 'unreadable', at }));
  // Ended operations come last, because a person may have to act on the others.
  const ordered = children.toSorted((a, b) => Number(hasEnded(a)) - Number(hasEnded(b)));
  const tasksOf = ordered
    .slice(0, SHOWN_PROJECTS)
    .map(async ({ id }) => [id, await engine.reads.tasks(id)] as const);
  return view({
    operation,
    tasks,
    childTasks: new Map(await Promise.all(tasksOf)),
    earlierTasks,
    now: now(),
    recoverableUntil: new Date(operation.notBefore).toISOString(),
    children,
    crashedTasks: givenUp,
    lostMessages: lostMessages,
  });
}

/**
 * The message that continues a held operation, or starts an observed operation. An observed
 * operation starts only in the mode `enforce`.
 */
function releaseOf(
  operation: Operation,
  decision: { readonly by: string; readonly reason: string },
  mode: Mode,
): Outgoing | undefined {
  const { id, state, scope, cause, request, hold } = operation;
  if (state === 'held' || state === 'recoverable')
    return {
      type: 'operation.released',
      data: { operationId: id, ...decision, since: hold?.since },
    };
  // The policy sets the mode of a suspend or resume, so a release cannot carry out an observed one.
  if (state !== 'observed' || mode !== 'enforce' || request || operation.action !== 'cleanup')
    return undefined;
  const releasedCause = {
    ...cause,
    messageId: `released/${id}`,
    note: `released by ${decision.by}: ${decision.reason}`,
  };
  return { type: `account.${scope.type}.deleted`, data: { account: scope, cause: releasedCause } };
}

function refusalOf(operation: Operation): string {
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
