import type { AccountEvent } from '../../events/account.ts';
import type { DomainId } from '../../events/ids.ts';
import type { Engine } from '../engine/port.ts';
import type { Cloud } from '../openstack/cloud.ts';
import { awaitsConfirmation } from '../operation/confirmation.ts';
import type { DomainProject } from '../operation/domain.ts';
import type { KeystoneAnswer } from '../operation/keystone-answer.ts';
import { summarize } from '../operation/keystone-check.ts';
import { askAgainMessages, cleanupsOf, suspendsAndResumesOf } from '../operation/lifecycle.ts';
import type { Mode, Operation, Scope } from '../operation/model.ts';
import { openCleanup } from '../operation/open.ts';
import { lastCallDelayMillis, pausedProvisions, provisionsOf } from '../operation/provision.ts';
import { projectScope } from '../operation/scope.ts';
import { type CloudSnapshot, cloudSnapshot, type KnownServices } from '../operation/snapshot.ts';
import type { StepEvent } from '../operation/step.ts';
import type { Step } from '../operation/transaction.ts';
import type { Policy } from '../policy/schema.ts';
import { PropagatorError, reportOf } from '../shared/errors.ts';
import { type Protection, protectedBecause } from '../task/safety-rules.ts';
import { readHistory } from './account-history.ts';
import { livingAlike } from './alike.ts';
import { cleanupDecision } from './cleanup-policy.ts';
import { deletionCheckOptions, isDisabledByDomain } from './task-preflight.ts';

/** The dependencies of the coordinator for cleanups and plans. */
export interface CleanupDeps extends KnownServices {
  readonly engine: Pick<Engine, 'reads'>;
  readonly cloud: Pick<Cloud, 'keystone' | 'projectAdmin' | 'registry'>;
  readonly mode: Mode;
  readonly gracePeriodMillis: number;
  /** The policy file; without it, the settings alone decide about cleanups. */
  readonly policy?: Policy;
  /** The accounts that the settings protect. */
  readonly protectedIds: Pick<Protection, 'projects' | 'domains'>;
  /**
   * The protected accounts with the propagator's own project. Throws while Keystone does not
   * answer.
   */
  readonly protection: () => Promise<Protection>;
  now(): number;
}

/**
 * How long an operation waits for Keystone's lists of services and endpoints, if Keystone is busy.
 */
const LISTS_MILLIS = 120_000;

/**
 * Opens the cleanup that follows the deletion of an account. Returns `undefined` when the deletion
 * has no effect.
 */
export async function openForDeletion(
  event: AccountEvent,
  deps: CleanupDeps,
): Promise<Step | undefined> {
  const { account, cause } = event.data;
  const { reads } = deps.engine;
  const { record, operations: allOperations, scope } = await readHistory(account, reads);
  const existing = cleanupsOf(allOperations);
  const now = deps.now();
  const decision = await cleanupDecision(account, record, deps);
  const opened = openCleanup({
    scope,
    cause,
    existing,
    mode: decision.mode,
    now,
    gracePeriodMillis: Math.max(decision.gracePeriodMillis, lastCallDelayMillis(allOperations)),
    rule: decision.rule,
    // The propagator's own project is not known here. The protection of this project is checked
    // when Keystone confirms the deletion.
    protectedBecause:
      protectedBecause(scope, { ...deps.protectedIds, ownProject: '' }) ?? decision.refusedBecause,
    deletion: { announcedAt: cause.at, seenAliveAt: record?.seenAt },
  });
  if (opened)
    return {
      operations: [opened.operation, ...pausedProvisions(allOperations, now)],
      tasks: [],
      messages: [
        ...opened.messages,
        ...askAgainMessages([
          ...suspendsAndResumesOf(allOperations),
          ...provisionsOf(allOperations),
        ]),
      ],
      deadLetters: [],
    };
  // If an administrator requested the open operation, the operation asks Keystone again.
  const waitingOperation = existing.find(
    (operation) =>
      operation.state !== 'confirming' && awaitsConfirmation(operation, operation.confirmation),
  );
  const confirmation = waitingOperation && {
    type: 'operation.confirm' as const,
    data: { operationId: waitingOperation.id, confirmation: waitingOperation.confirmation },
  };
  return confirmation && { operations: [], tasks: [], messages: [confirmation], deadLetters: [] };
}

/** Asks Keystone whether the account is in the state that the cleanup or plan requires. */
export async function cleanupConfirmation(
  operation: Operation,
  number: number,
  deps: CleanupDeps,
): Promise<StepEvent | undefined> {
  if (!awaitsConfirmation(operation, number)) return undefined;
  const answer = await askKeystone(operation, deps).catch((thrown: unknown) => ({
    keystoneAnswer: {
      kind: 'unknown' as const,
      error: reportOf(thrown, { code: 'keystone.show', service: 'keystone' }),
    },
  }));
  return { kind: 'confirmation', confirmation: number, ...answer };
}

/**
 * Returns Keystone's answer about the account. Only Keystone's own 404 counts as `absent` (safety
 * rule "Keystone decides"). Throws when the answer is not certain.
 */
async function askKeystone(
  operation: Operation,
  deps: CleanupDeps,
): Promise<{ keystoneAnswer: KeystoneAnswer; projects?: DomainProject[] }> {
  const { scope, request, state } = operation;
  const { keystone, projectAdmin } = deps.cloud;
  const findAlike = () => livingAlike(scope, deps.engine.reads, keystone);
  // Without a request the account was announced as deleted. The search for similar ids is then
  // always needed, so it runs concurrently.
  const parallelAlike = state === 'confirming' && !request ? findAlike() : undefined;
  parallelAlike?.catch(() => undefined);
  const shown = await keystone.show(scope.type, scope.id);
  const because = protectedBecause(scope, await deps.protection());
  if (shown.kind === 'other') return { keystoneAnswer: { kind: 'alike', living: shown.id } };
  if (state === 'confirming' && (shown.kind === 'absent' || request)) {
    const living = await (parallelAlike ?? findAlike());
    if (living !== undefined) return { keystoneAnswer: { kind: 'alike', living } };
  }
  if (shown.kind === 'present') {
    const { account } = shown;
    if (request && scope.type === 'domain' && state === 'confirming')
      return {
        keystoneAnswer: because
          ? { kind: 'protected', because }
          : { kind: 'domain', enabled: account.enabled },
      };
    const isDisabled = await isDisabledByDomain(operation, account, keystone);
    const enabled = account.enabled && !isDisabled;
    if (!request || scope.type !== 'project' || state !== 'confirming')
      return { keystoneAnswer: { kind: 'present', enabled } };
    if (because) return { keystoneAnswer: { kind: 'protected', because } };
    // A plan shows why Keystone would refuse the deletion, and is not blocked by these reasons.
    if (operation.action !== 'plan') {
      const { refusals } = await projectAdmin.checkDeletion(
        scope.id,
        deletionCheckOptions(operation),
      );
      if (refusals.length > 0)
        return { keystoneAnswer: { kind: 'blocked', ...summarize(refusals) } };
    }
    const [cloud, roles, members] = await Promise.all([
      cloudNow(operation, deps),
      projectAdmin.missingRoles(scope.id),
      keystone.members(scope.id),
    ]);
    return {
      keystoneAnswer: {
        kind: 'present',
        enabled,
        alive: { ...cloud, roles, members: members.map(({ userId }) => userId) },
      },
    };
  }
  if (because) return { keystoneAnswer: { kind: 'protected', because } };
  // The order of an operation is saved with its first answer. Later lists of Keystone do not change
  // this order.
  const cloud =
    scope.type === 'domain' || operation.order.length > 0
      ? undefined
      : await cloudNow(operation, deps);
  const keystoneAnswer: KeystoneAnswer = {
    kind: 'absent',
    cloud,
    known: await knownScope(operation, deps),
  };
  return scope.type === 'domain'
    ? { keystoneAnswer, projects: await projectsOf(scope.id, deps) }
    : { keystoneAnswer };
}

/**
 * Returns the scope of the account from the inventory. The notification of a deletion overtakes
 * other notifications, so members may have been recorded after the operation was opened.
 */
async function knownScope(
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
async function cloudNow(
  { scope, openedAt }: Pick<Operation, 'scope' | 'openedAt'>,
  deps: CleanupDeps,
): Promise<CloudSnapshot> {
  const registry = await deps.cloud.registry();
  const { unlisted } = registry;
  // Wait for a busy Keystone. During the wait the operation shows the reason.
  if (unlisted?.class === 'Transient' && deps.now() - openedAt < LISTS_MILLIS)
    throw new PropagatorError(unlisted);
  return cloudSnapshot(registry, scope.type, deps);
}

async function projectsOf(domainId: DomainId, deps: CleanupDeps): Promise<DomainProject[]> {
  const protection = await deps.protection();
  const records = await deps.engine.reads.projectsOf(domainId);
  const projects = records.map(async (record): Promise<DomainProject | undefined> => {
    if (record.account.type !== 'project') return undefined;
    const scope = projectScope(record.account, record);
    const existing = cleanupsOf(await deps.engine.reads.operationsAbout('project', scope.id));
    const decision = await cleanupDecision(record.account, record, deps);
    return {
      scope,
      existing,
      protectedBecause: protectedBecause(scope, protection) ?? decision.refusedBecause,
      ...(decision.rule === undefined ? {} : { decision }),
      seenAliveAt: record.seenAt,
    };
  });
  return (await Promise.all(projects)).filter((project) => project !== undefined);
}
