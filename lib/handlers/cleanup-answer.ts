import type { Account } from '../../events/account.ts';
import type { DomainId, ProjectId } from '../../events/ids.ts';
import type { DomainProject } from '../operation/domain.ts';
import type { KeystoneAnswer } from '../operation/keystone-answer.ts';
import { summarizeRefusals } from '../operation/keystone-check.ts';
import type { Operation, Scope } from '../operation/model.ts';
import { cleanupsOf } from '../operation/operation-history.ts';
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

/** Keystone's answer about an account and, for a deleted domain, its projects in the inventory. */
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
  const { scope } = operation;
  const { keystone } = deps.cloud;
  const findSimilar = () => findAccountWithSimilarId(scope, deps.engine.reads, keystone);
  const isConfirming = operation.state === 'confirming';
  const isRequested = operation.request !== undefined;
  // An operation without a request was opened because a notification or the sweep reported a
  // deletion. Keystone then normally answers 404, and a 404 needs the search for similar ids. The
  // search therefore runs at the same time as the question about the account.
  const parallelSearch = isConfirming && !isRequested ? findSimilar() : undefined;
  // If the search is not needed, nothing awaits it. Its error must then not end the process.
  parallelSearch?.catch(() => undefined);
  const keystoneState = await keystone.show(scope.type, scope.id);
  const protectionReason = protectedBecause(scope, await deps.protection());
  if (keystoneState.kind === 'other')
    return { keystoneAnswer: { kind: 'alike', similarId: keystoneState.id } };
  const needsSearch = isConfirming && (isRequested || keystoneState.kind === 'absent');
  if (needsSearch) {
    const similarId = await (parallelSearch ?? findSimilar());
    if (similarId !== undefined) return { keystoneAnswer: { kind: 'alike', similarId } };
  }
  return keystoneState.kind === 'present'
    ? {
        keystoneAnswer: await answerIfPresent(
          operation,
          keystoneState.account,
          protectionReason,
          deps,
        ),
      }
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
  const isConfirmingRequest = operation.request !== undefined && state === 'confirming';
  if (isConfirmingRequest && scope.type !== 'user' && protectionReason)
    return { kind: 'protected', because: protectionReason };
  if (isConfirmingRequest && scope.type === 'domain')
    return { kind: 'domain', enabled: account.enabled };
  const isDisabled = await isDisabledByDomain(operation, account, deps.cloud.keystone);
  const enabled = account.enabled && !isDisabled;
  return isConfirmingRequest && scope.type === 'project'
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
  // A refusal of Keystone does not block a plan. The API has stored the refusals in the plan.
  if (operation.action !== 'plan') {
    const options = deletionCheckOptions(operation);
    const { refusals } = await projectAdmin.checkDeletion(project, options);
    if (refusals.length > 0) return { kind: 'blocked', ...summarizeRefusals(refusals) };
  }
  const [snapshot, missingRoles, members] = await Promise.all([
    fetchCloudSnapshot(operation, deps),
    projectAdmin.missingRoles(project),
    keystone.members(project),
  ]);
  const memberIds = members.map(({ userId }) => userId);
  const deletionFacts = { ...snapshot, roles: missingRoles, members: memberIds };
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
  // The order of an operation is saved with the first answer. A service that is added to Keystone
  // later does not change this order.
  const snapshot =
    scope.type === 'domain' || order.length > 0
      ? undefined
      : await fetchCloudSnapshot(operation, deps);
  const recordedScope = await scopeFromInventory(operation, deps);
  const keystoneAnswer: KeystoneAnswer = { kind: 'absent', cloudSnapshot: snapshot, recordedScope };
  return scope.type === 'domain'
    ? { keystoneAnswer, projects: await recordedProjects(scope.id, deps) }
    : { keystoneAnswer };
}

/**
 * Returns the account from the inventory as a scope: a project with its members, or a user with its
 * projects. A deletion can be handled before older notifications of the same project. The inventory
 * may therefore have received members after the operation was opened.
 */
async function scopeFromInventory(
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
  const { listingError } = registry;
  // Throw while Keystone is busy. The operation then shows the reason and asks again.
  if (listingError?.class === 'Transient' && deps.now() - openedAt < MAX_REGISTRY_WAIT_MILLIS)
    throw new PropagatorError(listingError);
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
