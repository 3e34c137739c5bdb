import type { Operation } from '../operation/model.ts';
import { cleanupsOf } from '../operation/operation-history.ts';
import type { RequestAnswer } from '../operation/request.ts';
import { openRerun, whyNotRerun } from '../operation/rerun.ts';
import { mergedScope, scopeOf } from '../operation/scope.ts';
import { startAdvice } from '../operation/start-advice.ts';
import { protectedBecause } from '../task/safety-rules.ts';
import type { ApiDeps } from './deps.ts';
import {
  type AdministratorRequest,
  openRequestedCleanup,
  type RefusedAnswer,
  refusalWithoutPlan,
  refusedAnswer,
} from './open-operation.ts';

/**
 * Opens the operation that runs an ended operation again, at the request of a person. Throws the
 * error of a failed call to Keystone.
 */
export async function rerunOperation(
  earlierOperation: Operation,
  request: AdministratorRequest,
  deps: ApiDeps,
): Promise<RequestAnswer> {
  const refusal = await refusalOfRerun(earlierOperation, deps);
  if (refusal) return refusal;
  const { reads } = deps.engine;
  const { type, id } = earlierOperation.scope;
  const [cleanups, record, projects, protection] = await Promise.all([
    reads.operationsAbout(type, id).then(cleanupsOf),
    reads.account(type, id),
    type === 'user' ? reads.projectsOfMember(earlierOperation.scope.id) : [],
    deps.protection(),
  ]);
  const scope = record
    ? mergedScope(earlierOperation.scope, scopeOf(record.account, { record, projects }))
    : earlierOperation.scope;
  const protectedReason = protectedBecause(scope, protection);
  const refusedBecause = whyNotRerun(earlierOperation, cleanups, protectedReason);
  if (refusedBecause !== undefined) return refusedAnswer(refusedBecause);
  if (earlierOperation.request && earlierOperation.scope.type === 'project') {
    // The rerun for an existing project is a new request, so the settings may require two
    // approvals.
    const project = earlierOperation.scope.id;
    const state = await deps.cloud.keystone.show('project', project);
    if (state.kind === 'present')
      return (
        refusalWithoutPlan(project, deps) ??
        openRequestedCleanup({ ...request, project, rerunOf: earlierOperation.id }, deps)
      );
  }
  return openRerun({
    earlierOperation,
    scope,
    cleanups,
    by: request.by,
    reason: request.reason,
    mode: deps.mode,
    now: deps.now(),
    protectedBecause: protectedReason,
  });
}

/**
 * Returns the refusal of a rerun, or `undefined`. Only cleanups can run again. The cleanup of a
 * domain that still exists needs a new plan.
 */
async function refusalOfRerun(
  { action, id, request, scope }: Operation,
  { cloud }: ApiDeps,
): Promise<RefusedAnswer | undefined> {
  if (action === 'plan')
    return refusedAnswer(
      `${id} is a plan, and only a cleanup can be run again`,
      `Make a new plan: propagator ${scope.type} plan ${scope.id}`,
    );
  if (action !== 'cleanup')
    return refusedAnswer(
      `${id} is a ${action}, and only a cleanup can be run again`,
      startAdvice(action, scope),
    );
  if (scope.type !== 'domain' || !request) return undefined;
  const state = await cloud.keystone.show('domain', scope.id);
  return state.kind === 'present'
    ? refusedAnswer(
        `${id} carried out a plan, and Keystone still shows the domain`,
        `Make a new plan: propagator domain plan ${scope.id}`,
      )
    : undefined;
}
