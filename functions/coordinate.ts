import type { Account, AccountEvent } from '../events/account.ts';
import type { DomainId, OperationId, ServiceName } from '../events/ids.ts';
import type { Message } from '../events/index.ts';
import type { AccountRecord } from '../lib/account/inventory.ts';
import { type Protection, protectedBecause } from '../lib/cleanup/laws.ts';
import type { Service } from '../lib/cleanup/service.ts';
import type { Delivery, Engine } from '../lib/engine/port.ts';
import { reportOf } from '../lib/errors.ts';
import type { Cloud } from '../lib/openstack/cloud.ts';
import { uncoveredOf } from '../lib/operation/coverage.ts';
import type { DomainProject } from '../lib/operation/domain.ts';
import type { Rules, Step } from '../lib/operation/draft.ts';
import { type CloudNow, type Truth, wantsLook } from '../lib/operation/look.ts';
import type { Mode, Operation, ProjectScope, Scope } from '../lib/operation/model.ts';
import { openCleanup } from '../lib/operation/open.ts';
import { OWN_REGION, type PlacedService } from '../lib/operation/order.ts';
import { type Input, step } from '../lib/operation/step.ts';
import { act } from './coordinate/act.ts';

export interface CoordinatePorts {
  readonly engine: Engine;
  readonly cloud: Cloud;
  readonly services: readonly Service[];
  readonly mode: Mode;
  readonly graceMillis: number;
  /** What the settings protect. */
  readonly protectedIds: Pick<Protection, 'projects' | 'domains'>;
  /** The same with the project that we are logged in to; throws while Keystone does not answer. */
  readonly protection: () => Promise<Protection>;
  readonly limits: Omit<Rules, 'now' | 'startedLastHour' | 'waivers'>;
  /** Services that are off by default and that the settings ask for. */
  readonly optedIn: readonly string[];
  /** Services of the operator's own that are asked over HTTP. */
  readonly remotes: readonly ServiceName[];
  now(): number;
}

/** Two writers rarely meet twice; so often, something is wrong, and the engine hands the message over again later. */
const MOST_CONFLICTS = 20;
const HOUR = 3_600_000;

/** The coordinator's function: read, decide (in `lib/operation`), commit; on a conflict all of it again. */
export async function coordinate(deliveries: readonly Delivery[], ports: CoordinatePorts): Promise<void> {
  for (const { message } of deliveries) {
    for (let tries = 1; ; tries += 1) {
      const decided = await decide(message, ports);
      if (!decided || (await ports.engine.commit(decided)) === 'committed') break;
      if (tries >= MOST_CONFLICTS) throw new Error(`${message.type}: somebody else wrote the same operation ${tries} times`);
    }
  }
}

async function decide(message: Message, ports: CoordinatePorts): Promise<Step | undefined> {
  switch (message.type) {
    case 'account.project.deleted':
    case 'account.domain.deleted':
    case 'account.user.deleted':
      return open(message, ports);
    case 'operation.look':
      return withOperation(message.data.operationId, ports, (operation) => look(operation, message.data.look, ports));
    case 'operation.act':
      return withOperation(message.data.operationId, ports, (operation) => act(operation, message.data.number, ports));
    case 'operation.released':
      return withOperation(message.data.operationId, ports, async () => ({
        is: 'released',
        by: message.data.by,
        reason: message.data.reason,
        since: message.data.since,
      }));
    case 'task.redriven':
      return withOperation(message.data.operationId, ports, async () => ({ is: 'redriven', taskId: message.data.taskId }));
    case 'task.discarded': {
      const { operationId, ...discarded } = message.data;
      return withOperation(operationId, ports, async () => ({ is: 'discarded', ...discarded }));
    }
    case 'service.progressed':
    case 'service.finished':
    case 'service.failed':
      return withOperation(message.data.operationId, ports, async () => ({ is: 'report', report: message }));
    case 'operation.finished': {
      const { parentId } = message.data;
      if (!parentId) return undefined;
      return withOperation(parentId, ports, async () => ({
        is: 'child-ended',
        children: await ports.engine.reads.operations({ parentId, limit: 10_000 }),
      }));
    }
    default:
      // Changes that open no operation yet travel on the bus for whoever subscribes.
      return undefined;
  }
}

async function withOperation(id: OperationId, ports: CoordinatePorts, input: (operation: Operation) => Promise<Input | undefined>) {
  const { reads } = ports.engine;
  const operation = await reads.operation(id);
  if (!operation) return undefined;
  const [tasks, happened, startedLastHour, waivers] = await Promise.all([
    reads.tasks(id),
    input(operation),
    reads.startedSince(ports.now() - HOUR, operation.scope.type),
    reads.waivers(),
  ]);
  return happened && step(operation, tasks, happened, { ...ports.limits, now: ports.now(), startedLastHour, waivers });
}

async function open(event: AccountEvent, ports: CoordinatePorts): Promise<Step | undefined> {
  const { account, cause } = event.data;
  const scope = await scopeOf(account, ports);
  const existing = await ports.engine.reads.operationsAbout(scope.type, scope.id);
  const opened = openCleanup({
    scope,
    cause,
    existing,
    mode: ports.mode,
    now: ports.now(),
    graceMillis: ports.graceMillis,
    // Who we are ourselves is known once Keystone answers; until then the settings speak.
    protectedBecause: protectedBecause(scope, { ...ports.protectedIds, ownProject: '' }),
  });
  if (opened) return { operations: [opened.operation], tasks: [], messages: opened.messages, deadLetters: [] };
  // An administrator asked for its end, and somebody else may have been faster.
  const asked = existing.find((operation) => operation.state !== 'confirming' && wantsLook(operation, operation.look));
  const look = asked && { type: 'operation.look' as const, data: { operationId: asked.id, look: asked.look } };
  return look && { operations: [], tasks: [], messages: [look], deadLetters: [] };
}

async function look(operation: Operation, number: number, ports: CoordinatePorts): Promise<Input | undefined> {
  if (!wantsLook(operation, number)) return undefined;
  const answer = await ask(operation, ports).catch((thrown: unknown) => ({
    truth: { is: 'unknown' as const, error: reportOf(thrown, { code: 'keystone.show', service: 'keystone' }) },
  }));
  return { is: 'look', look: number, ...answer };
}

/** Law 1: only Keystone's own 404 counts. Throws when anything about the answer is not certain. */
async function ask({ scope, request, state }: Operation, ports: CoordinatePorts): Promise<{ truth: Truth; projects?: DomainProject[] }> {
  const { keystone, acts } = ports.cloud;
  const shown = await keystone.show(scope.type, scope.id);
  const because = protectedBecause(scope, await ports.protection());
  if (shown.is === 'present') {
    const { enabled } = shown.account;
    if (!request || scope.type !== 'project' || state !== 'confirming') return { truth: { is: 'present', enabled } };
    if (because) return { truth: { is: 'protected', because } };
    const [cloud, roles, members] = await Promise.all([cloudNow(scope, ports), acts.missingRoles(scope.id), keystone.members(scope.id)]);
    return { truth: { is: 'present', enabled, alive: { ...cloud, roles, members: members.map(({ userId }) => userId) } } };
  }
  if (because) return { truth: { is: 'protected', because } };
  const truth: Truth = { is: 'absent', cloud: await cloudNow(scope, ports) };
  return scope.type === 'domain' ? { truth, projects: await projectsOf(scope.id, ports) } : { truth };
}

/** Where this cloud has each service that holds something of such an account, and what it has that nobody covers. */
async function cloudNow({ type }: Scope, { cloud, services, optedIn, remotes }: CoordinatePorts): Promise<CloudNow> {
  const holding = services.filter((service) => (type === 'user' ? service.userKinds : service.kinds).length > 0);
  const placed = holding.map(
    async (service): Promise<PlacedService> => ({
      ...service,
      early: type === 'project' && service.early,
      regions: service.catalogTypes.length > 0 ? await cloud.regionsOf(service) : [OWN_REGION],
      skipped: service.offByDefault && !optedIn.includes(service.name) ? `off by default: ${service.offByDefault}` : undefined,
    }),
  );
  const own = type === 'project' ? remotes.map((name): PlacedService => ({ name, after: [], regions: [OWN_REGION] })) : [];
  const uncovered = type === 'project' ? uncoveredOf(await cloud.catalog(), services) : [];
  return { services: [...(await Promise.all(placed)), ...own], uncovered };
}

async function projectsOf(domainId: DomainId, ports: CoordinatePorts): Promise<DomainProject[]> {
  const protection = await ports.protection();
  const records = await ports.engine.reads.projectsOf(domainId);
  const projects = records.map(async (record): Promise<DomainProject | undefined> => {
    if (record.account.type !== 'project') return undefined;
    const scope = projectScope(record.account, record);
    const existing = await ports.engine.reads.operationsAbout('project', scope.id);
    return { scope, existing, protectedBecause: protectedBecause(scope, protection) };
  });
  return (await Promise.all(projects)).filter((project) => project !== undefined);
}

/** What an operation remembers of a project: the account, and the members that the inventory has recorded. */
function projectScope({ id, name, domainId }: Extract<Account, { type: 'project' }>, record: AccountRecord | undefined): ProjectScope {
  return {
    type: 'project',
    id,
    ...(name === undefined ? {} : { name }),
    ...(domainId === undefined ? {} : { domainId }),
    ...(record?.members ? { members: record.members } : {}),
  };
}

async function scopeOf(account: Account, { engine }: CoordinatePorts): Promise<Scope> {
  if (account.type === 'domain') return domainScope(account);
  if (account.type === 'project') return projectScope(account, await engine.reads.account('project', account.id));
  const projects = await engine.reads.projectsOfMember(account.id);
  return {
    type: 'user',
    id: account.id,
    ...(account.name === undefined ? {} : { name: account.name }),
    ...(account.domainId === undefined ? {} : { domainId: account.domainId }),
    projects: projects.flatMap((record) => (record.account.type === 'project' ? [record.account.id] : [])),
  };
}

const domainScope = ({ id, name }: Extract<Account, { type: 'domain' }>): Scope => ({
  type: 'domain',
  id,
  ...(name === undefined ? {} : { name }),
});
