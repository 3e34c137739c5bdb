import type { OperationId, ProjectId } from '../../events/ids.ts';
import type { AuditRecord } from '../audit/entry.ts';
import type { Engine, WrittenDocument } from '../engine/port.ts';
import { lifecycleStep } from '../handlers/lifecycle.ts';
import { requiresPlans } from '../operation/approval.ts';
import { cleanupsOf } from '../operation/lifecycle.ts';
import type { ApprovedPlan, Operation, Scope } from '../operation/model.ts';
import { hasEnded } from '../operation/open.ts';
import { endOfWindow } from '../operation/recovery-window.ts';
import { openRequest, type RequestAnswer } from '../operation/request.ts';
import { openRerun, whyNotRerun } from '../operation/rerun.ts';
import { mergedRerunScope, scopeOf } from '../operation/scope.ts';
import { protectedBecause } from '../task/safety-rules.ts';
import type { ApiDeps } from './deps.ts';
import { problem } from './problem.ts';
import { type RequestedWindow, windowOf } from './recovery-window.ts';

/** A person's request for an operation. */
export interface AdministratorRequest {
  readonly by: string;
  readonly reason: string;
  /** The name of the project, which confirms the deletion of an enabled project. */
  readonly name?: string | undefined;
  /** The approved plan that the operation carries out. */
  readonly plan?: ApprovedPlan | undefined;
  /** The recovery window that the person requests; `undefined`: the policy decides. */
  readonly window?: RequestedWindow | undefined;
}

/**
 * Returns the refusal of a deletion without an approved plan. Settings that require two approvals
 * require a plan.
 */
export function refusedWithoutPlan(
  project: ProjectId,
  { approvalRules }: Pick<ApiDeps, 'approvalRules'>,
): Extract<RequestAnswer, { kind: 'refused' }> | undefined {
  if (!approvalRules || !requiresPlans(approvalRules.twoApprovers)) return undefined;
  return {
    kind: 'refused',
    because:
      'the settings require the approval of two persons (PROPAGATOR_TWO_APPROVERS), so a ' +
      'deletion begins with a plan',
    advice: `Type: propagator project plan ${project}`,
  };
}

/**
 * Opens an operation for an administrator's request to clean up a project that Keystone shows.
 * Throws the error of a failed call to Keystone.
 */
export async function request(
  requested: AdministratorRequest & { readonly project: ProjectId; readonly rerunOf?: OperationId },
  deps: ApiDeps,
): Promise<RequestAnswer> {
  const { keystone, projectAdmin } = deps.cloud;
  const [shown, allOperations, protection] = await Promise.all([
    keystone.show('project', requested.project),
    deps.engine.reads.operationsAbout('project', requested.project),
    deps.protection(),
  ]);
  const existing = cleanupsOf(allOperations);
  if (shown.kind === 'present' && shown.account.type === 'domain')
    return domainRefused(shown.account);
  if (shown.kind === 'other')
    return {
      kind: 'refused',
      because: `Keystone returned the id ${shown.id}; use this spelling`,
    };
  if (shown.kind === 'absent' || shown.account.type !== 'project')
    return {
      kind: 'refused',
      because: `Keystone has no project with this id; ${afterDeletionAdvice(existing)}`,
    };
  const { id, name, domainId, enabled } = shown.account;
  const scope = {
    type: 'project' as const,
    id,
    ...(name === undefined ? {} : { name }),
    ...(domainId === undefined ? {} : { domainId }),
  };
  const parentId = existing.find((operation) => !hasEnded(operation))?.parentId;
  const parent = parentId && (await deps.engine.reads.operation(parentId));
  const recoverForSeconds = requested.window?.recoverForSeconds;
  const input = {
    scope,
    by: requested.by,
    reason: requested.reason,
    confirmedName: requested.name,
    shown: { name, enabled },
    existing,
    mode: deps.mode,
    now: deps.now(),
    protectedBecause: protectedBecause(scope, protection),
    ...(requested.rerunOf ? { rerunOf: requested.rerunOf } : {}),
    ...(requested.plan ? { plan: requested.plan } : {}),
    allOperations,
    ...(parent ? { parent } : {}),
    // While a domain is being deleted, the policy gives its projects no window.
    window:
      parent && recoverForSeconds === undefined
        ? undefined
        : await windowOf(shown.account, requested.window, deps),
  };
  // The check in Keystone makes many calls, so all other rules are checked first.
  const refused = openRequest({ ...input, keystoneCheck: { refusals: [], unknown: [] } });
  if (refused.kind === 'refused') return refused;
  return openRequest({ ...input, keystoneCheck: await projectAdmin.checkDeletion(id) });
}

const domainRefused = ({
  id,
  name = id,
}: {
  id: string;
  name?: string | undefined;
}): RequestAnswer => ({
  kind: 'refused',
  because: `${id} is the id of a domain (${name}), not of a project`,
  advice:
    'Give the id of one project. To list the projects of the domain: openstack project list ' +
    `--domain ${id}. To delete the domain with all its projects: propagator domain plan ${id}`,
});

const afterDeletionAdvice = ([last]: readonly Operation[]): string =>
  last
    ? `its cleanup is operation ${last.id}. After the operation has ended, you can run it again: ` +
      `propagator operation rerun ${last.id} --reason "…"`
    : 'the cleanup of a deleted project starts when the notification of its deletion arrives';

const CHANGE_IN_KEYSTONE = {
  suspend: 'disabled',
  resume: 'enabled',
  provision: 'created',
} as const;

/** The commands start these actions for projects only. */
function startAdvice(action: keyof typeof CHANGE_IN_KEYSTONE, { type, id }: Scope): string {
  return type === 'project'
    ? `Type: propagator project ${action} ${id} --reason "…"`
    : `No command starts a ${action} of a ${type}. The propagator starts it when Keystone shows ` +
        `that the ${type} is ${CHANGE_IN_KEYSTONE[action]}.`;
}

/** Runs an ended operation again for a person. Throws the error of a failed call to Keystone. */
export async function rerun(
  earlier: Operation,
  requested: AdministratorRequest,
  deps: ApiDeps,
): Promise<RequestAnswer> {
  if (earlier.action === 'plan')
    return {
      kind: 'refused',
      because: `${earlier.id} is a plan, and only a cleanup can be run again`,
      advice: `Make a new plan: propagator ${earlier.scope.type} plan ${earlier.scope.id}`,
    };
  if (earlier.action !== 'cleanup')
    return {
      kind: 'refused',
      because: `${earlier.id} is a ${earlier.action}, and only a cleanup can be run again`,
      advice: startAdvice(earlier.action, earlier.scope),
    };
  if (earlier.scope.type === 'domain' && earlier.request) {
    const shown = await deps.cloud.keystone.show('domain', earlier.scope.id);
    if (shown.kind === 'present')
      return {
        kind: 'refused',
        because: `${earlier.id} carried out a plan, and Keystone still shows the domain`,
        advice: `Make a new plan: propagator domain plan ${earlier.scope.id}`,
      };
  }
  const { reads } = deps.engine;
  const { type, id } = earlier.scope;
  const [existing, record, projects, protection] = await Promise.all([
    reads.operationsAbout(type, id).then(cleanupsOf),
    reads.account(type, id),
    type === 'user' ? reads.projectsOfMember(earlier.scope.id) : [],
    deps.protection(),
  ]);
  const scope = record
    ? mergedRerunScope(earlier.scope, scopeOf(record.account, { record, projects }))
    : earlier.scope;
  const because = protectedBecause(scope, protection);
  const refused = whyNotRerun(earlier, existing, because);
  if (refused !== undefined) return { kind: 'refused', because: refused };
  if (earlier.request && earlier.scope.type === 'project') {
    // The rerun for an existing project is a new request, so the settings may require two
    // approvals.
    const project = earlier.scope.id;
    const shown = await deps.cloud.keystone.show('project', project);
    if (shown.kind === 'present')
      return (
        refusedWithoutPlan(project, deps) ??
        request({ ...requested, project, rerunOf: earlier.id }, deps)
      );
  }
  return openRerun({
    earlier,
    scope,
    existing,
    by: requested.by,
    reason: requested.reason,
    mode: deps.mode,
    now: deps.now(),
    protectedBecause: because,
  });
}

/**
 * Stores the opened operation, its audit record and `documents`. Returns the response of the API.
 */
export async function commitOpened(
  answer: RequestAnswer,
  engine: Pick<Engine, 'commit'>,
  audited: (opened: Operation, superseded: Operation | undefined) => AuditRecord,
  documents: readonly WrittenDocument[] = [],
) {
  if (answer.kind === 'refused')
    return { status: 409, body: problem('refused', answer.because, answer.advice) } as const;
  const changed = [answer.opened, ...(answer.superseded ? [answer.superseded] : [])];
  const suspension = lifecycleStep(answer.suspension);
  const { recovery } = answer.opened.operation;
  const committed = await engine.commit({
    operations: [
      ...changed.map(({ operation }) => operation),
      ...suspension.operations,
      ...(answer.parent ? [answer.parent] : []),
    ],
    messages: [...changed.flatMap(({ messages }) => messages), ...suspension.messages],
    documents,
    audit: [audited(answer.opened.operation, answer.superseded?.operation)],
  });
  return committed === 'conflict'
    ? ({
        status: 409,
        body: problem(
          'conflict',
          'another request opened an operation for this account at the same time. List it: ' +
            'propagator operation list',
        ),
      } as const)
    : ({
        status: 202,
        body: {
          opened: answer.opened.operation.id,
          unknown: answer.unknown,
          ...(recovery && answer.opened.operation.state === 'recoverable'
            ? {
                recoverableUntil: endOfWindow(recovery),
                type: answer.opened.operation.scope.type,
              }
            : {}),
        },
      } as const);
}
