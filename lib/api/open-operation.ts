import type { Account } from '../../events/account.ts';
import type { OperationId, ProjectId } from '../../events/ids.ts';
import type { KeystoneState } from '../account/keystone.ts';
import type { AuditRecord } from '../audit/entry.ts';
import type { Engine, WrittenDocument } from '../engine/port.ts';
import { lifecycleStep } from '../handlers/lifecycle.ts';
import { requiresPlans } from '../operation/approval.ts';
import { hasEnded } from '../operation/ended.ts';
import type { ApprovedPlan, Operation } from '../operation/model.ts';
import { cleanupsOf } from '../operation/operation-history.ts';
import { endOfWindow, type RecoveryWindow } from '../operation/recovery-window.ts';
import { openRequest, type RequestAnswer } from '../operation/request.ts';
import { projectScope } from '../operation/scope.ts';
import { protectedBecause } from '../task/safety-rules.ts';
import type { ApiDeps } from './deps.ts';
import { problemBody } from './problem.ts';
import { type RequestedWindow, recoveryWindowOf } from './recovery-window.ts';

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

export type RefusedAnswer = Extract<RequestAnswer, { kind: 'refused' }>;

export const refusedAnswer = (because: string, advice?: string): RefusedAnswer => ({
  kind: 'refused',
  because,
  ...(advice === undefined ? {} : { advice }),
});

/**
 * If the settings require two approvals, returns the refusal of a deletion that is requested
 * without an approved plan. Otherwise returns `undefined`, because a plan is not required.
 */
export function refusalWithoutPlan(
  project: ProjectId,
  { approvalRules }: Pick<ApiDeps, 'approvalRules'>,
): RefusedAnswer | undefined {
  if (!approvalRules || !requiresPlans(approvalRules.twoApprovers)) return undefined;
  return refusedAnswer(
    'the settings require the approval of two persons (PROPAGATOR_TWO_APPROVERS), so a ' +
      'deletion begins with a plan',
    `Type: propagator project plan ${project}`,
  );
}

/**
 * Opens the cleanup of a project that Keystone shows, for an administrator's request. Throws the
 * error of a failed call to Keystone.
 */
export async function openRequestedCleanup(
  request: AdministratorRequest & { readonly project: ProjectId; readonly rerunOf?: OperationId },
  deps: ApiDeps,
): Promise<RequestAnswer> {
  const { keystone, projectAdmin } = deps.cloud;
  const [state, allOperations, protection] = await Promise.all([
    keystone.show('project', request.project),
    deps.engine.reads.operationsAbout('project', request.project),
    deps.protection(),
  ]);
  const cleanups = cleanupsOf(allOperations);
  if (state.kind !== 'present' || state.account.type !== 'project')
    return refusalOfMissingProject(state, cleanups);
  const { id, name, enabled } = state.account;
  const scope = projectScope(state.account, undefined);
  const parent = await parentOfOpenCleanup(cleanups, deps.engine);
  const input = {
    scope,
    by: request.by,
    reason: request.reason,
    confirmedName: request.name,
    keystoneState: { name, enabled },
    cleanups,
    mode: deps.mode,
    now: deps.now(),
    protectedBecause: protectedBecause(scope, protection),
    ...(request.rerunOf ? { rerunOf: request.rerunOf } : {}),
    ...(request.plan ? { plan: request.plan } : {}),
    allOperations,
    ...(parent ? { parent } : {}),
    window: await recoveryWindowOfProject(state.account, request.window, parent, deps),
  };
  // The check in Keystone makes many calls, so all other rules are checked first.
  const answer = openRequest({ ...input, keystoneCheck: { refusals: [], unknown: [] } });
  if (answer.kind === 'refused') return answer;
  return openRequest({ ...input, keystoneCheck: await projectAdmin.checkDeletion(id) });
}

/**
 * Returns the domain's operation that opened the cleanup in progress. Returns `undefined` if no
 * cleanup is in progress, or if no operation of a domain opened the cleanup.
 */
async function parentOfOpenCleanup(
  cleanups: readonly Operation[],
  { reads }: Pick<Engine, 'reads'>,
): Promise<Operation | undefined> {
  const parentId = cleanups.find((operation) => !hasEnded(operation))?.parentId;
  return parentId && reads.operation(parentId);
}

/**
 * Returns the recovery window of a project. While its domain is being deleted by the operation
 * `parent`, the policy gives the project no window, and only the request can give one.
 */
async function recoveryWindowOfProject(
  account: Account,
  requestedWindow: RequestedWindow | undefined,
  parent: Operation | undefined,
  deps: ApiDeps,
): Promise<RecoveryWindow | undefined> {
  if (parent && requestedWindow?.recoverForSeconds === undefined) return undefined;
  return recoveryWindowOf(account, requestedWindow, deps);
}

/** Returns the refusal if Keystone does not show a project with the requested id. */
function refusalOfMissingProject(
  state: KeystoneState,
  cleanups: readonly Operation[],
): RefusedAnswer {
  if (state.kind === 'other')
    return refusedAnswer(`Keystone returned the id ${state.id}; use this spelling`);
  if (state.kind === 'present' && state.account.type === 'domain') {
    const { id, name = id } = state.account;
    return refusedAnswer(
      `${id} is the id of a domain (${name}), not of a project`,
      'Give the id of one project. To list the projects of the domain: openstack project list ' +
        `--domain ${id}. To delete the domain with all its projects: propagator domain plan ${id}`,
    );
  }
  return refusedAnswer(`Keystone has no project with this id; ${afterDeletionAdvice(cleanups)}`);
}

const afterDeletionAdvice = ([newestCleanup]: readonly Operation[]): string =>
  newestCleanup
    ? `its cleanup is operation ${newestCleanup.id}. After the operation has ended, you can run ` +
      `it again: propagator operation rerun ${newestCleanup.id} --reason "…"`
    : 'the cleanup of a deleted project starts when the notification of its deletion arrives';

/**
 * Stores the opened operation, its audit record and `documents`. Returns the response of the API:
 * 202 with the operation, or 409 with the refusal or the conflict.
 */
export async function commitOpened(
  answer: RequestAnswer,
  engine: Pick<Engine, 'commit'>,
  auditRecordOf: (opened: Operation, superseded: Operation | undefined) => AuditRecord,
  documents: readonly WrittenDocument[] = [],
) {
  if (answer.kind === 'refused')
    return { status: 409, body: problemBody('refused', answer.because, answer.advice) } as const;
  const { operation } = answer.opened;
  const openedAndSuperseded = [answer.opened, ...(answer.superseded ? [answer.superseded] : [])];
  const suspension = lifecycleStep(answer.suspension);
  const outcome = await engine.commit({
    operations: [
      ...openedAndSuperseded.map((one) => one.operation),
      ...suspension.operations,
      ...(answer.parent ? [answer.parent] : []),
    ],
    messages: [...openedAndSuperseded.flatMap(({ messages }) => messages), ...suspension.messages],
    documents,
    audit: [auditRecordOf(operation, answer.superseded?.operation)],
  });
  if (outcome === 'conflict') return { status: 409, body: OPENED_MEANWHILE_PROBLEM } as const;
  const { recovery, scope, state } = operation;
  const recoveryFields =
    recovery && state === 'recoverable'
      ? { recoverableUntil: endOfWindow(recovery), type: scope.type }
      : {};
  const body = { opened: operation.id, unknown: answer.unknown, ...recoveryFields };
  return { status: 202, body } as const;
}

const OPENED_MEANWHILE_PROBLEM = problemBody(
  'conflict',
  'another request opened an operation for this account at the same time. List it: ' +
    'propagator operation list',
);
