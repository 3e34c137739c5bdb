import type { DomainId } from '../../events/ids.ts';
import type { DomainContents } from '../openstack/domain-admin.ts';
import { hasEnded } from '../operation/ended.ts';
import { DOMAIN_DRIFT_CODE } from '../operation/keystone-action-model.ts';
import type { KeystoneAction, KeystoneActionResult, Operation } from '../operation/model.ts';
import { type AccountState, keystoneActionRefusal } from '../operation/preflight.ts';
import type { StepEvent } from '../operation/step.ts';
import { stopCondition } from '../operation/stop.ts';
import { type ErrorReport, reportOf } from '../shared/errors.ts';
import { fetchAccountState } from './account-state.ts';
import { actionStoppedError, canceledError, stateBeforeDisable } from './action-stopped.ts';
import type { KeystoneActionDeps } from './keystone-action.ts';
import { readPlan } from './plan-store.ts';
import { actionsIgnoreHolds, readPreflightInput } from './preflight-input.ts';
import { currentStopDecision } from './stop-switch.ts';

type DomainActionName = 'disable' | 'enable' | 'delete';

/**
 * Disables, enables or deletes the domain of an operation. When Keystone deletes a domain, it also
 * deletes the projects of the domain. The function therefore deletes the domain only if Keystone
 * lists no project in it. An error of Keystone is in the result.
 */
export async function carryOutDomainAction(
  operation: Operation,
  { what, number }: Pick<KeystoneAction, 'what' | 'number'>,
  deps: KeystoneActionDeps,
): Promise<StepEvent | undefined> {
  const { scope, state } = operation;
  if (scope.type !== 'domain' || what === 'assign-role' || what === 'revoke-role') return undefined;
  // A canceled or refused operation enables its domain again. The stop switch and holds do not
  // apply, because they concern only removals.
  const isRestoring = what === 'enable' && (state === 'canceled' || state === 'refused');
  if ((state === 'held' || hasEnded(operation)) && !isRestoring) return undefined;
  const result = await carryOutOnDomain(operation, scope.id, what, isRestoring, deps);
  return { kind: 'keystone-action-result', number, ...result };
}

async function carryOutOnDomain(
  operation: Operation,
  domain: DomainId,
  what: DomainActionName,
  isRestoring: boolean,
  deps: KeystoneActionDeps,
): Promise<Omit<KeystoneActionResult, 'number'>> {
  const { domainAdmin } = deps.cloud;
  let isSent = false;
  let accountState: AccountState | undefined;
  try {
    if (isRestoring) {
      await domainAdmin.enable(domain);
      return {};
    }
    accountState = await fetchAccountState(operation, deps);
    const error =
      canceledError(operation, accountState, deps) ??
      (await forbiddenActionError(operation, domain, what, accountState, deps));
    if (error) return { error, isSent, ...stateBeforeDisable(what, accountState) };
    isSent = true;
    if (what === 'delete') return { accountState, ...(await deleteDomain(domain, domainAdmin)) };
    await domainAdmin[what](domain);
    return { accountState };
  } catch (thrown) {
    const error = reportOf(thrown, { code: `keystone.${what}`, service: 'keystone' });
    return { error, isSent, ...stateBeforeDisable(what, accountState) };
  }
}

async function deleteDomain(
  domain: DomainId,
  domainAdmin: KeystoneActionDeps['cloud']['domainAdmin'],
): Promise<Pick<KeystoneActionResult, 'unlisted'>> {
  const unlisted = await domainAdmin.delete(domain);
  return unlisted.length > 0 ? { unlisted } : {};
}

/** Returns the error of an action that must not be carried out now. */
async function forbiddenActionError(
  operation: Operation,
  domain: DomainId,
  what: DomainActionName,
  accountState: AccountState,
  deps: KeystoneActionDeps,
): Promise<ErrorReport | undefined> {
  const stopDecision = await currentStopDecision(deps);
  if (stopDecision) return actionStoppedError(stopCondition(stopDecision));
  const isEnabledAgain = what === 'delete' && accountState === 'enabled';
  // `keystoneActionRefusal` would refuse an enabled account with a text about a project. The check
  // below refuses an enabled domain with a text about the domain.
  const stateForPreflight = isEnabledAgain ? 'disabled' : accountState;
  const ignoresHolds = actionsIgnoreHolds(operation);
  const options = { needsToken: false, ignoresHolds };
  const input = await readPreflightInput(operation, stateForPreflight, options, deps);
  const refusal = keystoneActionRefusal(what, input);
  if (refusal) return actionStoppedError(refusal);
  if (isEnabledAgain)
    return actionStoppedError({
      message: 'the domain was enabled again in Keystone, so it is not deleted',
      advice: `To continue: openstack domain set --disable ${domain}`,
    });
  if (accountState === 'absent' || what === 'enable') return undefined;
  const projectsError = await blockingProjectsError(operation, domain, what, deps);
  if (projectsError || what === 'disable') return projectsError;
  return contentsDriftError(operation, await deps.cloud.domainAdmin.contents(domain), deps);
}

const MAX_NAMED_ENTRIES = 5;

/**
 * Returns an error if the domain has projects that must be deleted first. Before the domain is
 * disabled, these are the projects that the plan does not list, because their deletion needs an
 * enabled domain. Before the domain is deleted, no project may be left.
 */
async function blockingProjectsError(
  { projects = [] }: Operation,
  domain: DomainId,
  what: DomainActionName,
  { cloud }: KeystoneActionDeps,
): Promise<ErrorReport | undefined> {
  const allowedIds = new Set<string>(what === 'disable' ? projects.map(({ id }) => id) : []);
  const blockingProjects = (await cloud.keystone.projects(domain)).filter(
    (one) =>
      one.type === 'project' && (one.domainId ?? domain) === domain && !allowedIds.has(one.id),
  );
  const [firstProject] = blockingProjects;
  if (!firstProject) return undefined;
  const names = blockingProjects
    .slice(0, MAX_NAMED_ENTRIES)
    .map(({ id, name = id }) => `${name} (${id})`);
  const moreText =
    blockingProjects.length > MAX_NAMED_ENTRIES
      ? ` and ${blockingProjects.length - MAX_NAMED_ENTRIES} more`
      : '';
  const projectsText =
    what === 'disable' ? 'has projects that the plan does not list' : 'still has projects';
  return actionStoppedError({
    message: `the domain ${projectsText}: ${names.join(', ')}${moreText}`,
    advice: `Delete each of them. For the first one: propagator project delete ${firstProject.id}`,
  });
}

/**
 * Returns an error if too many users, groups and roles have appeared in the domain since the plan
 * was made. The plan contains the limit (`allowedDrift`). Each user, group and role counts as one
 * resource.
 */
async function contentsDriftError(
  { id, plan }: Operation,
  { resources }: DomainContents,
  { engine }: KeystoneActionDeps,
): Promise<ErrorReport | undefined> {
  if (!plan || plan.driftAccepted) return undefined;
  const pages = await readPlan(plan.of, engine.reads);
  const plannedKeys = new Set(
    pages.flatMap(({ resourceType, resources }) =>
      resources.map((one) => `${resourceType} ${one.id}`),
    ),
  );
  const newEntries = resources.flatMap(({ resourceType, rows }) =>
    rows
      .filter((one) => !plannedKeys.has(`${resourceType} ${one.id}`))
      .map((one) => `${resourceType} ${one.name ?? one.id}`),
  );
  if (newEntries.length <= plan.allowedDrift) return undefined;
  const examples = newEntries.slice(0, MAX_NAMED_ENTRIES).join(', ');
  return {
    code: DOMAIN_DRIFT_CODE,
    class: 'Denied',
    message:
      `${newEntries.length} entries of the domain appeared after the plan ${plan.of}, and only ` +
      `${plan.allowedDrift} may be removed without another approval: ` +
      `${examples}${newEntries.length > MAX_NAMED_ENTRIES ? ', …' : ''}`,
    advice:
      `Compare the plan (propagator operation show ${plan.of}) with the domain. To delete the ` +
      `domain with them, release the operation ${id}.`,
    service: 'keystone',
  };
}
