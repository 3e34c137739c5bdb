import { ProjectId } from '../../events/ids.ts';
import type { Message } from '../../events/index.ts';
import { createApi } from '../../lib/api/api.ts';
import { SteppedEngine, type WaitingMessage } from '../../lib/engine/memory/stepped.ts';
import type { ApprovalRules } from '../../lib/operation/approval.ts';
import type { Mode, Operation, Task } from '../../lib/operation/model.ts';
import { type ErrorClass, PropagatorError } from '../../lib/shared/errors.ts';
import type { Service } from '../../lib/task/service.ts';
import { apiAccess, type Caller, changeBy } from '../api-tokens.ts';
import { preferred, required } from '../dependencies.ts';
import { handleMessage, LIMITS, type SimulationDeps, simulationDeps } from './simulation-parts.ts';
import { StatefulCloud } from './stateful-cloud.ts';
import { type Described, serviceOf } from './stateful-service.ts';

export const TARGET = ProjectId.parse('target');
export const CONTROL = ProjectId.parse('control');
export const DELETED_USER = 'gone-user';

export const failure = (
  errorClass: ErrorClass,
  code = `some.${errorClass.toLowerCase()}`,
  message = 'it does not feel well',
) => new PropagatorError({ code, class: errorClass, message, advice: 'See to it.' });

export interface RequestFields {
  readonly name?: string;
  readonly project?: string;
  readonly by?: Caller;
  readonly reason?: string;
}

/**
 * A cloud in memory: projects live, are disabled and deleted, the propagator takes roles and
 * returns them, and the services have resource types of every class. The complete state is
 * available, such as current roles and resources. `cloud.violations` lists events that must never
 * happen.
 */
export class StatefulSimulation {
  readonly engine = new SteppedEngine();
  readonly cloud: StatefulCloud;
  readonly services: Service[];
  readonly httpPlugins: string[] = [];
  mode: Mode = 'enforce';
  progressMillis = 400;
  protectedProjects: string[] = [];
  approvalRules: ApprovalRules | undefined;
  readonly #others: unknown;
  limits = { ...LIMITS };

  /**
   * `resources`: the number of resources of each type, for the target project and for the control
   * project.
   */
  constructor(described: readonly Described[], resources = 2, lingers = 0) {
    this.cloud = new StatefulCloud(described);
    this.services = described.map((one) => serviceOf(one, this.cloud));
    for (const { name, resourceTypes = {}, userResourceTypes = [] } of described)
      for (let n = 0; n < resources; n += 1) {
        for (const resourceType of Object.keys(resourceTypes))
          for (const owner of [TARGET, CONTROL])
            this.cloud.make(`${name}.${resourceType}`, owner, `${owner}-${n}`, lingers);
        for (const resourceType of userResourceTypes)
          for (const owner of [DELETED_USER, 'other-user'])
            this.cloud.make(`${name}.${resourceType}`, owner, `${owner}-${n}`, lingers);
      }
    this.#others = this.#confirmation();
  }

  #confirmation(): unknown {
    const people = [CONTROL, 'other-user', 'cleaner'];
    return structuredClone({
      left: people.map((owner) => this.left(owner)),
      projects: people.map((id) => this.cloud.projects.get(id)),
    });
  }

  /** No other project or user lost a resource, and no violation occurred. */
  expectOthersUntouched(): void {
    expect(this.#confirmation()).toEqual(this.#others);
    expect(this.cloud.violations).toEqual([]);
  }

  get deps(): SimulationDeps & { httpPlugins: never[] } {
    return {
      ...simulationDeps(this.engine, this.cloud.port, this.services),
      mode: this.mode,
      confirmationIntervalMillis: this.limits.confirmationIntervalMillis,
      protectedIds: { projects: this.protectedProjects, domains: [] },
      protection: async () => ({
        projects: this.protectedProjects,
        domains: [],
        ownProject: 'cleaner',
      }),
      limits: this.limits,
      httpPlugins: this.httpPlugins as never[],
      progressMillis: this.progressMillis,
    };
  }

  /** Hands one message to the function that it is routed to. */
  async handle(message: Message, deps = this.deps): Promise<void> {
    await handleMessage(message, deps);
  }

  /**
   * Delivers one message after another until the condition holds or no message waits. Returns
   * whether the condition holds.
   */
  async until(isSo: () => boolean, most = 2000): Promise<boolean> {
    for (let n = 0; n < most && !isSo(); n += 1) {
      const [next] = this.engine.dueMessages() as [WaitingMessage?];
      if (!next) break;
      await this.handle(next.message);
      this.engine.removeDelivered(next);
    }
    return isSo();
  }

  /**
   * Delivers until no message waits. An operation that waits for people re-checks again and again,
   * so `most` limits the messages.
   */
  async settle(most = 300): Promise<void> {
    await this.until(() => false, most);
  }

  /** Calls the API as it is available on loopback. */
  async call(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
    by: Caller = 'ann',
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const rules = this.approvalRules ? { approvalRules: this.approvalRules } : {};
    const app = createApi({ ...this.deps, ...rules, ...apiAccess, health: () => ({ ok: true }) });
    const init = method === 'GET' ? {} : changeBy(by, body, method);
    const answer = await app.request(`http://127.0.0.1:8787${path}`, init);
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  }

  /** An administrator requests the cleanup of the target project. */
  ask({ by, ...fields }: RequestFields = { name: 'shop' }) {
    const body = { action: 'cleanup', project: TARGET, reason: 'contract ended', ...fields };
    return this.call('POST', '/v1/operations', body, by);
  }

  release(operation = this.operation) {
    const path = `/v1/operations/${operation.id}/release`;
    return this.call('POST', path, { reason: 'looked at it' }, 'bob');
  }

  /** The operation that was opened last. */
  get operation(): Operation {
    const last = [...this.engine.operations.values()].at(-1);
    if (!last) throw new Error('no operation was opened');
    return last;
  }

  get state(): string {
    return [...this.engine.operations.values()].at(-1)?.state ?? 'none';
  }

  taskOf(service: string): Task | undefined {
    return [...this.engine.tasks.values()].find(
      (one) => one.service === service && one.operationId === this.operation.id,
    );
  }

  task(service: string): Task {
    const task = this.taskOf(service);
    if (!task) throw new Error(`${service} has no task`);
    return task;
  }

  /** Task states by service. */
  get tasks(): Record<string, string> {
    const tasks = [...this.engine.tasks.values()].filter(
      ({ operationId }) => operationId === this.operation.id,
    );
    return Object.fromEntries(tasks.map(({ service, state }) => [service, state]));
  }

  /** The remaining resources of the owner, by type. */
  left(owner: string = TARGET): Record<string, number> {
    const left: Record<string, number> = {};
    for (const { resourceType } of this.cloud.of(owner))
      left[resourceType] = (left[resourceType] ?? 0) + 1;
    return left;
  }

  /** Operation and tasks, for checks that nothing has changed. */
  get stored(): unknown {
    return structuredClone({
      operations: [...this.engine.operations.values()],
      tasks: [...this.engine.tasks.values()],
    });
  }
}

/** The account event of a true notification from Keystone. */
export const deleted = (type: 'project' | 'user', id: string, messageId = `m-${id}`): Message =>
  ({
    type: `account.${type}.deleted`,
    data: {
      account: { type, id },
      cause: { messageId, eventType: `identity.${type}.deleted`, at: 0 },
    },
  }) as Message;

/**
 * A cloud with a service of each class: `vault` needs a token on the project, `booking` needs the
 * credentials of its users.
 */
export const EVERY_CLASS: readonly Described[] = [
  { name: 'compute', resourceTypes: { server: 'A' } },
  { name: 'network', resourceTypes: { port: 'A' }, dependsOn: [required('compute')] },
  { name: 'vault', resourceTypes: { secret: 'C', label: 'A' }, dependsOn: [preferred('compute')] },
  { name: 'booking', resourceTypes: { lease: 'D', host: 'A' }, dependents: [preferred('compute')] },
];
