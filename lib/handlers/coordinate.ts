import type { AccountEvent } from '../../events/account.ts';
import type { DomainId, OperationId, ServiceName } from '../../events/ids.ts';
import type { Message } from '../../events/index.ts';
import type { Delivery, Engine } from '../engine/port.ts';
import type { Cloud } from '../openstack/cloud.ts';
import { awaitsConfirmation, type KeystoneAnswer } from '../operation/confirmation.ts';
import type { DomainProject } from '../operation/domain.ts';
import { summarize } from '../operation/keystone-check.ts';
import { askAgainMessages, cleanupsOf, lifecyclesOf } from '../operation/lifecycle.ts';
import type { Mode, Operation } from '../operation/model.ts';
import { openCleanup } from '../operation/open.ts';
import { millisOfLastCall, pausedProvisions, provisionsOf } from '../operation/provision.ts';
import { projectScope, scopeOf } from '../operation/scope.ts';
import { type CloudSnapshot, cloudSnapshot } from '../operation/snapshot.ts';
import { type Input, step } from '../operation/step.ts';
import type { Rules, Step } from '../operation/transaction.ts';
import type { Policy } from '../policy/schema.ts';
import { PropagatorError, reportOf } from '../shared/errors.ts';
import { type Protection, protectedBecause } from '../task/safety-rules.ts';
import type { Service } from '../task/service.ts';
import { livingAlike } from './alike.ts';
import { cleanupDecision } from './cleanup-policy.ts';
import { keystoneAction } from './keystone-action.ts';
import { lifecycleConfirmation, openForChange } from './lifecycle.ts';
import { forgetProvision, recordProvisioned } from './provision-store.ts';
import { forgetSuspension } from './suspension-store.ts';

/** The dependencies of {@link coordinate}. */
export interface CoordinateDeps {
  readonly engine: Engine;
  readonly cloud: Cloud;
  readonly services: readonly Service[];
  readonly mode: Mode;
  readonly gracePeriodMillis: number;
  /** The policy file; without it, a disabled project is only reported. */
  readonly policy?: Policy;
  /** The accounts that the settings protect. */
  readonly protectedIds: Pick<Protection, 'projects' | 'domains'>;
  /**
   * The protected accounts with the propagator's own project. Throws while Keystone does not
   * answer.
   */
  readonly protection: () => Promise<Protection>;
  readonly limits: Omit<Rules, 'now' | 'startedLastHour' | 'waivers'>;
  /** Services that are off by default and that the settings enable. */
  readonly optedIn: readonly string[];
  /** Services that the operator adds and that are called over HTTP. */
  readonly httpPlugins: readonly ServiceName[];
  now(): number;
}

/**
 * Lock conflicts rarely repeat. After this number of conflicts the function throws, and the engine
 * delivers the message again later.
 */
const MAX_CONFLICTS = 20;
const HOUR = 3_600_000;
/** How long an operation waits for Keystone's lists of services and endpoints. */
const LISTS_MILLIS = 120_000;

/**
 * Handles messages for the coordinator: reads, decides (in `lib/operation`) and commits. On a lock
 * conflict it starts again with a fresh read. Throws when the conflicts do not end or the engine
 * fails.
 */
export async function coordinate(
  deliveries: readonly Delivery[],
  deps: CoordinateDeps,
): Promise<void> {
  for (const { message } of deliveries) {
    for (let tries = 1; ; tries += 1) {
      const decided = await decide(message, deps);
      if (!decided || (await deps.engine.commit(decided)) === 'committed') break;
      if (tries >= MAX_CONFLICTS)
        throw new Error(
          `${message.type}: the operation was changed by another process ${tries} times`,
        );
    }
  }
}

async function decide(message: Message, deps: CoordinateDeps): Promise<Step | undefined> {
  switch (message.type) {
    case 'account.project.deleted':
    case 'account.domain.deleted':
    case 'account.user.deleted':
      return open(message, deps);
    case 'account.project.created':
    case 'account.project.disabled':
    case 'account.project.enabled':
    case 'account.domain.disabled':
    case 'account.domain.enabled':
      return openForChange(message, deps);
    case 'operation.confirm':
      return withOperation(message.data.operationId, deps, (operation) =>
        operation.action === 'cleanup' || operation.action === 'plan'
          ? confirmation(operation, message.data.confirmation, deps)
          : lifecycleConfirmation(operation, message.data.confirmation, deps),
      );
    case 'operation.keystone-action':
      return withOperation(message.data.operationId, deps, (operation) =>
        keystoneAction(operation, message.data.number, deps),
      );
    case 'operation.released':
      return withOperation(message.data.operationId, deps, async () => ({
        kind: 'released',
        by: message.data.by,
        reason: message.data.reason,
        since: message.data.since,
      }));
    case 'operation.canceled':
      return withOperation(message.data.operationId, deps, async () => ({
        kind: 'canceled',
        by: message.data.by,
        reason: message.data.reason,
      }));
    case 'task.redriven':
      return withOperation(message.data.operationId, deps, async () => ({
        kind: 'redriven',
        taskId: message.data.taskId,
      }));
    case 'task.discarded': {
      const { operationId, ...discarded } = message.data;
      return withOperation(operationId, deps, async () => ({ kind: 'discarded', ...discarded }));
    }
    case 'service.progressed':
    case 'service.finished':
    case 'service.failed':
      return withOperation(message.data.operationId, deps, async () => ({
        kind: 'report',
        report: message,
      }));
    case 'operation.finished': {
      const { parentId, operationId } = message.data;
      await recordEnd(operationId, deps);
      if (!parentId) return undefined;
      return withOperation(parentId, deps, async () => ({
        kind: 'child-ended',
        children: await deps.engine.reads.operations({ parentId, limit: 10_000 }),
      }));
    }
    default:
      // Account events that open no operation yet are published for other subscribers only.
      return undefined;
  }
}

async function withOperation(
  id: OperationId,
  deps: CoordinateDeps,
  input: (operation: Operation) => Promise<Input | undefined>,
) {
  const { reads } = deps.engine;
  const operation = await reads.operation(id);
  if (!operation) return undefined;
  const [tasks, happened, startedLastHour, waivers] = await Promise.all([
    reads.tasks(id),
    input(operation),
    reads.startedSince(deps.now() - HOUR, operation.scope.type, operation.action),
    reads.waivers(),
  ]);
  return (
    happened &&
    step(operation, tasks, happened, { ...deps.limits, now: deps.now(), startedLastHour, waivers })
  );
}

/**
 * Records a project that was provisioned. A project that was cleaned up is not resumed, and not
 * compared with its profile. So everything that is stored about it is removed.
 */
async function recordEnd(id: OperationId, { engine, now }: CoordinateDeps): Promise<void> {
  const operation = await engine.reads.operation(id);
  if (operation?.scope.type !== 'project') return;
  const { action, lifecycle, scope, state } = operation;
  if (state !== 'finished' && state !== 'unverified') return;
  if (action === 'provision' && lifecycle?.provision) {
    const { profile } = lifecycle.provision;
    const provisioned = { project: scope.id, profile, operationId: id, at: now() };
    await recordProvisioned(provisioned, engine);
  }
  if (action !== 'cleanup') return;
  await forgetSuspension(scope.id, engine);
  await forgetProvision(scope.id, engine);
}

async function open(event: AccountEvent, deps: CoordinateDeps): Promise<Step | undefined> {
  const { account, cause } = event.data;
  const { reads } = deps.engine;
  const [record, all, projects] = await Promise.all([
    reads.account(account.type, account.id),
    reads.operationsAbout(account.type, account.id),
    account.type === 'user' ? reads.projectsOfMember(account.id) : [],
  ]);
  const existing = cleanupsOf(all);
  const scope = scopeOf(account, { record, projects });
  const now = deps.now();
  const decision = await cleanupDecision(account, record, deps);
  const opened = openCleanup({
    scope,
    cause,
    existing,
    mode: decision.mode,
    now,
    gracePeriodMillis: Math.max(decision.gracePeriodMillis, millisOfLastCall(all)),
    rule: decision.rule,
    // Until Keystone has answered, the propagator's own project is not known, and only the settings
    // protect accounts.
    protectedBecause:
      protectedBecause(scope, { ...deps.protectedIds, ownProject: '' }) ?? decision.refusedBecause,
    deletion: { announcedAt: cause.at, seenAliveAt: record?.seenAt },
  });
  if (opened)
    return {
      operations: [opened.operation, ...pausedProvisions(all, now)],
      tasks: [],
      messages: [
        ...opened.messages,
        ...askAgainMessages([...lifecyclesOf(all), ...provisionsOf(all)]),
      ],
      deadLetters: [],
    };
  // The deletion may concern an operation that an administrator requested. That operation asks
  // Keystone again.
  const asked = existing.find(
    (operation) =>
      operation.state !== 'confirming' && awaitsConfirmation(operation, operation.confirmation),
  );
  const confirmation = asked && {
    type: 'operation.confirm' as const,
    data: { operationId: asked.id, confirmation: asked.confirmation },
  };
  return confirmation && { operations: [], tasks: [], messages: [confirmation], deadLetters: [] };
}

async function confirmation(
  operation: Operation,
  number: number,
  deps: CoordinateDeps,
): Promise<Input | undefined> {
  if (!awaitsConfirmation(operation, number)) return undefined;
  const answer = await ask(operation, deps).catch((thrown: unknown) => ({
    keystoneAnswer: {
      kind: 'unknown' as const,
      error: reportOf(thrown, { code: 'keystone.show', service: 'keystone' }),
    },
  }));
  return { kind: 'confirmation', confirmation: number, ...answer };
}

/**
 * Safety rule "Keystone decides": only Keystone's own 404 counts. Throws when the answer is not
 * certain.
 */
async function ask(
  operation: Operation,
  deps: CoordinateDeps,
): Promise<{ keystoneAnswer: KeystoneAnswer; projects?: DomainProject[] }> {
  const { scope, request, state } = operation;
  const { keystone, keystoneActions } = deps.cloud;
  const shown = await keystone.show(scope.type, scope.id);
  const because = protectedBecause(scope, await deps.protection());
  if (shown.kind === 'other') return { keystoneAnswer: { kind: 'alike', living: shown.id } };
  if (state === 'confirming' && (shown.kind === 'absent' || request)) {
    const living = await livingAlike(scope, deps.engine.reads, keystone);
    if (living !== undefined) return { keystoneAnswer: { kind: 'alike', living } };
  }
  if (shown.kind === 'present') {
    const { enabled } = shown.account;
    if (!request || scope.type !== 'project' || state !== 'confirming')
      return { keystoneAnswer: { kind: 'present', enabled } };
    if (because) return { keystoneAnswer: { kind: 'protected', because } };
    // A plan shows the reasons for which Keystone would refuse, and does not wait for their end.
    if (operation.action !== 'plan') {
      const { refusals } = await keystoneActions.checkDeletion(scope.id);
      if (refusals.length > 0)
        return { keystoneAnswer: { kind: 'blocked', ...summarize(refusals) } };
    }
    const [cloud, roles, members] = await Promise.all([
      cloudNow(operation, deps),
      keystoneActions.missingRoles(scope.id),
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
  const keystoneAnswer: KeystoneAnswer = { kind: 'absent', cloud: await cloudNow(operation, deps) };
  return scope.type === 'domain'
    ? { keystoneAnswer, projects: await projectsOf(scope.id, deps) }
    : { keystoneAnswer };
}

/** Returns the services and endpoints that Keystone lists now. */
async function cloudNow(
  { scope, openedAt }: Pick<Operation, 'scope' | 'openedAt'>,
  deps: CoordinateDeps,
): Promise<CloudSnapshot> {
  const registry = await deps.cloud.registry();
  const { unlisted } = registry;
  // A busy Keystone usually answers soon. Until then the operation waits and shows the reason.
  if (unlisted?.class === 'Transient' && deps.now() - openedAt < LISTS_MILLIS)
    throw new PropagatorError(unlisted);
  return cloudSnapshot(registry, scope.type, deps);
}

async function projectsOf(domainId: DomainId, deps: CoordinateDeps): Promise<DomainProject[]> {
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
