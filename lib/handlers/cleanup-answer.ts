import type { Account } from '../../events/account.ts';
import type { DomainId, ProjectId } from '../../events/ids.ts';
import type { DomainProject } from '../operation/domain.ts';
import type { KeystoneAnswer } from '../operation/keystone-answer.ts';
import { summarizeRefusals } from '../operation/keystone-check.ts';
import { cleanupsOf } from '../operation/lifecycle.ts';
import type { Operation, Scope } from '../operation/model.ts';
import { projectScope } from '../operation/scope.ts';
import { type CloudSnapshot, cloudSnapshot } from '../operation/snapshot.ts';
import { PropagatorError } from '../shared/errors.ts';
import { protectedBecause } from '../task/safety-rules.ts';
import { deletionCheckOptions, isDisabledByDomain } from './account-state.ts';
import type { CleanupDeps } from './cleanup.ts';
import { cleanupDecision } from './cleanup-policy.ts';
import { findAccountWithSimilarId } from './similar-id.ts';

/**
 * The longest time that an operation waits for a busy Keystone to list its services and endpoints.
 */
const MAX_REGISTRY_WAIT_MILLIS = 120_000;

/** Keystone's answer about an account. For a deleted domain also its projects in the inventory. */
interface CleanupAnswer {
  readonly keystoneAnswer: KeystoneAnswer;
  readonly projects?: DomainProject[];
}

/**
 * Returns Keystone's answer about the account. Only Keystone's own 404 counts as `absent` (safety
 * rule "Keystone decides"). Throws when the answer is not certain.
 */
export async function askKeystoneForCleanup(
  operation: Operation,
  deps: CleanupDeps,
): Promise<CleanupAnswer> {
  const { scope, request, state } = operation;
  const { keystone } = deps.cloud;
  const findSimilar = () => findAccountWithSimilarId(scope, deps.engine.reads, keystone);
  // Without a request the account was announced as deleted. The search for similar ids is then
  // always needed, so it runs at the same time as the question about the account.
  const parallelSearch = state === 'confirming' && !request ? findSimilar() : undefined;
  parallelSearch?.catch(() => undefined);
  const shown = await keystone.show(scope.type, scope.id);
  const protectionReason = protectedBecause(scope, await deps.protection());
  if (shown.kind === 'other') return { keystoneAnswer: { kind: 'alike', living: shown.id } };
  if (state === 'confirming' && (shown.kind === 'absent' || request)) {
    const living = await (parallelSearch ?? findSimilar());
    if (living !== undefined) return { keystoneAnswer: { kind: 'alike', living } };
  }
  return shown.kind === 'present'
    ? { keystoneAnswer: await answerIfPresent(operation, shown.account, protectionReason, deps) }
    : answerIfAbsent(operation, protectionReason, deps);
}

/** Returns the answer about an account that Keystone shows. */
async function answerIfPresent(
  operation: Operation,
  account: Account & { readonly enabled: boolean },
  protectionReason: string | undefined,
  deps: CleanupDeps,
): Promise<KeystoneAnswer> {
  const { scope, state } = operation;
  const isRequestToConfirm = operation.request !== undefined && state === 'confirming';
  if (isRequestToConfirm && scope.type !== 'user' && protectionReason)
    return { kind: 'protected', because: protectionReason };
  if (isRequestToConfirm && scope.type === 'domain')
    return { kind: 'domain', enabled: account.enabled };
  const isDisabled = await isDisabledByDomain(operation, account, deps.cloud.keystone);
  const enabled = account.enabled && !isDisabled;
  return isRequestToConfirm && scope.type === 'project'
    ? answerAboutRequestedProject(operation, scope.id, enabled, deps)
    : { kind: 'present', enabled };
}

/** Returns the answer about a living project whose deletion or plan was requested. */
async function answerAboutRequestedProject(
  operation: Operation,
  project: ProjectId,
  enabled: boolean,
  deps: CleanupDeps,
): Promise<KeystoneAnswer> {
  const { keystone, projectAdmin } = deps.cloud;
  // Refusals do not block a plan. The API has stored them in the plan.
  if (operation.action !== 'plan') {
    const options = deletionCheckOptions(operation);
    const { refusals } = await projectAdmin.checkDeletion(project, options);
    if (refusals.length > 0) return { kind: 'blocked', ...summarizeRefusals(refusals) };
  }
  const [cloud, roles, members] = await Promise.all([
    fetchCloudSnapshot(operation, deps),
    projectAdmin.missingRoles(project),
    keystone.members(project),
  ]);
  const deletionFacts = { ...cloud, roles, members: members.map(({ userId }) => userId) };
  return { kind: 'present', enabled, deletionFacts };
}

/** Returns the answer about an account after Keystone's 404. */
async function answerIfAbsent(
  operation: Operation,
  protectionReason: string | undefined,
  deps: CleanupDeps,
): Promise<CleanupAnswer> {
  const { scope, order } = operation;
  if (protectionReason) return { keystoneAnswer: { kind: 'protected', because: protectionReason } };
  // The order of an operation is saved with the first answer. Later lists of Keystone do not change
  // this order.
  const cloud =
    scope.type === 'domain' || order.length > 0
      ? undefined
      : await fetchCloudSnapshot(operation, deps);
  const recordedScope = await scopeInInventory(operation, deps);
  const keystoneAnswer: KeystoneAnswer = { kind: 'absent', cloudSnapshot: cloud, recordedScope };
  return scope.type === 'domain'
    ? { keystoneAnswer, projects: await recordedProjects(scope.id, deps) }
    : { keystoneAnswer };
}

/**
 * Returns the scope of the account from the inventory: a project with its members, or a user with
 * its projects. The notification of a deletion overtakes other notifications, so the inventory may
 * have recorded members after the operation was opened.
 */
async function scopeInInventory(
  { scope }: Operation,
  { engine: { reads } }: CleanupDeps,
): Promise<Scope | undefined> {
  if (scope.type === 'domain') return undefined;
  if (scope.type === 'project') {
    const record = await reads.account('project', scope.id);
    return record?.members && { ...scope, members: record.members };
  }
  const records = await reads.projectsOfMember(scope.id);
  const projects = records.flatMap(({ account }) => (account.type === 'project' ? account.id : []));
  return { ...scope, projects };
}

/** Returns the services and endpoints that Keystone lists now. */
async function fetchCloudSnapshot(
  { scope, openedAt }: Pick<Operation, 'scope' | 'openedAt'>,
  deps: CleanupDeps,
): Promise<CloudSnapshot> {
  const registry = await deps.cloud.registry();
  const { unlisted } = registry;
  // Throw while Keystone is busy. The operation then shows the reason and asks again.
  if (unlisted?.class === 'Transient' && deps.now() - openedAt < MAX_REGISTRY_WAIT_MILLIS)
    throw new PropagatorError(unlisted);
  return cloudSnapshot(registry, scope.type, deps);
}

/** Returns the projects that the inventory has recorded in a deleted domain. */
async function recordedProjects(domainId: DomainId, deps: CleanupDeps): Promise<DomainProject[]> {
  const protection = await deps.protection();
  const records = await deps.engine.reads.projectsOf(domainId);
  const projects = records.map(async (record): Promise<DomainProject | undefined> => {
    if (record.account.type !== 'project') return undefined;
    const scope = projectScope(record.account, record);
    const cleanups = cleanupsOf(await deps.engine.reads.operationsAbout('project', scope.id));
    const decision = await cleanupDecision(record.account, record, deps);
    return {
      scope,
      cleanups,
      protectedBecause: protectedBecause(scope, protection) ?? decision.refusedBecause,
      ...(decision.rule === undefined ? {} : { decision }),
      seenAliveAt: record.seenAt,
    };
  });
  return (await Promise.all(projects)).filter((project) => project !== undefined);
}
