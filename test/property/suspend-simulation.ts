import * as z from 'zod';
import type { Account } from '../../events/account.ts';
import { DomainId, ProjectId } from '../../events/ids.ts';
import type { Message } from '../../events/index.ts';
import { SteppedEngine } from '../../lib/engine/memory/stepped.ts';
import { coordinate } from '../../lib/handlers/coordinate.ts';
import { runTask } from '../../lib/handlers/task.ts';
import type { Cloud } from '../../lib/openstack/cloud.ts';
import { hasEnded } from '../../lib/operation/ended.ts';
import type { Operation } from '../../lib/operation/model.ts';
import { Policy } from '../../lib/policy/schema.ts';
import {
  defineService,
  defineSuspension,
  defineType,
  type Service,
} from '../../lib/task/service.ts';
import { cloudStub, type SimulationDeps, simulationDeps } from './simulation-parts.ts';

export const TARGET = ProjectId.parse('target');
/** In the same domain as the target project. Its own flag is changed by no test. */
export const SIBLING = ProjectId.parse('sibling');
/** In another domain: nothing may ever touch it. */
export const CONTROL = ProjectId.parse('control');
const DOMAIN = DomainId.parse('customers');

/** A resource that runs or not. `bySuspension`: suspend has switched it off. */
export interface Machine {
  readonly id: string;
  readonly owner: ProjectId;
  state: 'on' | 'off';
  bySuspension: boolean;
  /** Listings that still show a change as under way. */
  changing: number;
}

/** The process ends in the middle of a call. */
export class Killed extends Error {}

const POLICY = Policy.parse({
  version: 1,
  rules: [
    {
      match: {},
      on: {
        'project.disabled': { action: 'suspend', after: '30s', mode: 'enforce' },
        'project.enabled': { action: 'resume', mode: 'enforce' },
      },
    },
  ],
});

/**
 * Two services in memory with machines that can be suspended: `outer` is suspended before `inner`.
 * Keystone has two domains and three projects.
 */
export class SuspendSimulation {
  readonly engine = new SteppedEngine();
  readonly machines = new Map<string, Machine[]>();
  readonly projects = new Map<string, { enabled: boolean; domain: string }>([
    [TARGET, { enabled: true, domain: DOMAIN }],
    [SIBLING, { enabled: true, domain: DOMAIN }],
    [CONTROL, { enabled: true, domain: 'other' }],
  ]);
  readonly domains = new Map<string, boolean>([
    [DOMAIN, true],
    ['other', true],
  ]);
  readonly services: Service[];
  /** The number of API calls until the process is killed; `undefined`: it is not killed. */
  killAfter: number | undefined;
  policy: Policy = POLICY;
  /** True if a start needs a token on the project, as with an encrypted volume. */
  needsToken = false;
  /** The projects on which the propagator has its roles. */
  readonly roles = new Set<string>();
  /** The fields of each warning in the log. */
  readonly warnings: object[] = [];
  #events = 0;

  constructor(states: readonly ('on' | 'off')[]) {
    for (const service of ['outer', 'inner'])
      this.machines.set(
        service,
        [TARGET, SIBLING, CONTROL].flatMap((owner) =>
          states.map(
            (state, n): Machine => ({
              id: `${service}-${owner}-${n}`,
              owner,
              state,
              bySuspension: false,
              changing: 0,
            }),
          ),
        ),
      );
    this.services = ['outer', 'inner'].map((name) =>
      defineService({
        name,
        catalogTypes: [name],
        resourceTypes: [this.#resourceType(name)],
        suspension: {
          suspendAfter: name === 'inner' ? ['outer'] : [],
          types: [this.#suspension(name)],
        },
      }),
    );
    for (const [id, { domain }] of this.projects)
      this.engine.accounts.set(`project/${id}`, {
        account: {
          type: 'project',
          id: ProjectId.parse(id),
          domainId: DomainId.parse(domain),
          enabled: true,
        },
        seenAt: 1,
        deletedAt: undefined,
        members: [],
      });
  }

  /** One API call: the process may end here. */
  protected call(): void {
    if (this.killAfter === undefined) return;
    this.killAfter -= 1;
    if (this.killAfter < 0) throw new Killed();
  }

  #all = (service: string): Machine[] => this.machines.get(service) ?? [];

  #resourceType(service: string) {
    return defineType<Machine>({
      name: 'machine',
      list: async ({ project }) => this.#all(service).filter(({ owner }) => owner === project),
      id: ({ id }) => id,
      owner: ({ owner }) => owner,
      remove: async (machine) => {
        this.call();
        const left = this.#all(service).filter((one) => one !== machine);
        this.machines.set(service, left);
        return { kind: 'gone' };
      },
    });
  }

  #suspension(service: string) {
    return defineSuspension<Machine, { state: 'on' }>({
      name: 'machine',
      summary: { suspend: '', record: '', resume: '' },
      recordedState: z.object({ state: z.literal('on') }),
      list: async () => {
        this.call();
        // The listing ignores its filter, and shows the machines of every project.
        return this.#all(service).map((machine) => {
          machine.changing = Math.max(0, machine.changing - 1);
          return { ...machine };
        });
      },
      id: ({ id }) => id,
      owner: ({ owner }) => owner,
      assess: ({ state, changing }) =>
        changing > 0
          ? { kind: 'wait', message: 'busy' }
          : state === 'on'
            ? { kind: 'suspend', recordedState: { state } }
            : { kind: 'at-rest' },
      suspend: async ({ id }) => this.#switch(service, id, 'off', true),
      compare: ({ state, bySuspension, changing }) => {
        if (changing > 0) return { kind: 'changing', message: 'busy' };
        if (state === 'off')
          return bySuspension ? { kind: 'suspended' } : { kind: 'changed', message: 'off' };
        return bySuspension ? { kind: 'partly' } : { kind: 'as-recorded' };
      },
      resume: async ({ id, owner }, _recordedState, { apiWithProjectToken }) => {
        if (this.needsToken) {
          await apiWithProjectToken?.();
          if (!this.roles.has(owner)) throw new TypeError(`a start without a token on ${owner}`);
        }
        this.#switch(service, id, 'on', false);
      },
    });
  }

  /** The process may be killed before the call, or after its effect. */
  #switch(service: string, id: string, state: Machine['state'], bySuspension: boolean): void {
    this.call();
    const machine = this.#all(service).find((one) => one.id === id);
    if (machine) Object.assign(machine, { state, bySuspension, changing: 1 });
    this.call();
  }

  get deps(): SimulationDeps {
    const stub = cloudStub(this.services);
    const show = (type: Account['type'], id: string) => {
      const project = type === 'project' ? this.projects.get(id) : undefined;
      if (project) {
        const { domain, enabled } = project;
        const account = { type: 'project' as const, id: ProjectId.parse(id), enabled };
        return { ...account, domainId: DomainId.parse(domain) };
      }
      const enabled = type === 'domain' ? this.domains.get(id) : undefined;
      return enabled === undefined
        ? undefined
        : { type: 'domain' as const, id: DomainId.parse(id), enabled };
    };
    const cloud: Cloud = {
      ...stub,
      keystone: {
        ...stub.keystone,
        show: async (type, id) => {
          const account = show(type, id);
          return account ? { kind: 'present', account } : { kind: 'absent' };
        },
      },
      projectAdmin: {
        ...stub.projectAdmin,
        missingRoles: async (project) => (this.roles.has(project) ? [] : ['admin']),
        assignRoles: async (project) => {
          this.call();
          this.roles.add(project);
          this.call();
        },
        revokeRoles: async (project) => {
          this.call();
          this.roles.delete(project);
          this.call();
        },
      },
    };
    return {
      ...simulationDeps(this.engine, cloud, this.services),
      policy: this.policy,
      log: { warn: (fields: object) => void this.warnings.push(fields) },
    };
  }

  /** Changes the flag of the target project or of its domain, and announces it. */
  async set(type: 'project' | 'domain', enabled: boolean): Promise<void> {
    const target = this.projects.get(TARGET);
    if (type === 'domain') this.domains.set(DOMAIN, enabled);
    else if (target) target.enabled = enabled;
    await this.announce(type, enabled ? 'enabled' : 'disabled');
  }

  async delete(): Promise<void> {
    if (!this.projects.delete(TARGET)) return;
    await this.announce('project', 'deleted');
  }

  async announce(
    type: 'project' | 'domain',
    change: 'created' | 'enabled' | 'disabled' | 'deleted',
  ): Promise<void> {
    this.#events += 1;
    const messageId = `event-${this.#events}`;
    const cause = { messageId, eventType: 'test', at: this.engine.time };
    const account: Account =
      type === 'domain' ? { type, id: DOMAIN } : { type: 'project', id: TARGET, domainId: DOMAIN };
    const message: Message = { type: `account.${type}.${change}`, data: { account, cause } };
    // The inventory has the state that was announced last.
    const record = this.engine.accounts.get(`${type}/${account.id}`);
    if (record && (change === 'enabled' || change === 'disabled'))
      this.engine.accounts.set(`${type}/${account.id}`, {
        ...record,
        account: { ...record.account, enabled: change === 'enabled' },
      });
    await this.engine.commit({ messages: [message] });
  }

  /** Delivers one message that is due. A killed process leaves the message in its queue. */
  async deliver(choice: number): Promise<boolean> {
    const due = this.engine.dueMessages();
    const waiting = due[choice % Math.max(1, due.length)];
    if (!waiting) return false;
    const deliveries = [{ message: waiting.message, receiveCount: 1 }];
    const { message } = waiting;
    try {
      const isTask = message.type === 'service.requested';
      const service = this.services.find(({ name }) => isTask && name === message.data.service);
      if (service) await runTask(service, deliveries, this.killable());
      else await coordinate(deliveries, this.killable());
      this.engine.removeDelivered(waiting);
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
    return true;
  }

  /** Delivers messages and lets time pass, but delivers no request to a service. */
  async deliverWithoutServices(isDone: () => boolean): Promise<void> {
    for (let n = 0; n < 600 && !isDone(); n += 1) {
      const due = this.engine.dueMessages();
      const choice = due.findIndex(({ message }) => message.type !== 'service.requested');
      if (choice >= 0) await this.deliver(choice);
      else this.engine.time += 1000;
    }
    if (!isDone()) throw new Error('the simulation did not reach the awaited state');
  }

  /** Delivers the due requests to services and their reports, before every other message. */
  async deliverServices(): Promise<void> {
    for (;;) {
      const due = this.engine.dueMessages();
      const choice = due.findIndex(({ message }) => message.type.startsWith('service.'));
      if (choice < 0) return;
      await this.deliver(choice);
    }
  }

  /** A killed process writes nothing more. */
  killable(): SimulationDeps {
    const { deps, engine } = this;
    const commit: typeof engine.commit = async (change) => {
      if (this.killAfter !== undefined && this.killAfter < 0) throw new Killed();
      return engine.commit(change);
    };
    return { ...deps, engine: Object.assign(Object.create(engine), { commit }) };
  }

  async settle(choices: readonly number[] = [0]): Promise<void> {
    this.killAfter = undefined;
    for (let n = 0; n < 600; n += 1)
      if (!(await this.deliver(choices[n % choices.length] ?? 0))) return;
    throw new Error(`messages without an end: ${JSON.stringify(this.engine.waiting[0]?.message)}`);
  }

  /** The machines of a project, without the fields that show a change as under way. */
  shown(owner: ProjectId) {
    return [...this.machines.values()]
      .flat()
      .filter((machine) => machine.owner === owner)
      .map(({ changing: _, ...machine }) => machine);
  }

  get isActive(): boolean {
    return this.projects.get(TARGET)?.enabled === true && this.domains.get(DOMAIN) === true;
  }

  /** The records of suspend about the machines of a project. */
  async recordsOf(project: ProjectId) {
    const documents = await this.engine.reads.documents('suspension', project);
    return documents.map(({ id }) => id);
  }

  operations(action: Operation['action']): Operation[] {
    return [...this.engine.operations.values()].filter((one) => one.action === action);
  }

  get allHaveEnded(): boolean {
    return [...this.engine.operations.values()].every(hasEnded);
  }
}
