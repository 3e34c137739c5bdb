import type { Account } from '../../events/account.ts';
import { DomainId, UserId } from '../../events/ids.ts';
import type { CoordinateDeps } from '../../lib/handlers/coordinate.ts';
import type { TaskDeps } from '../../lib/handlers/task-deps.ts';
import type { Action, Operation } from '../../lib/operation/model.ts';
import { defineService, defineUserReport, defineUserType } from '../../lib/task/service.ts';
import { SuspendSimulation } from './suspend-simulation.ts';

export const ANN = UserId.parse('ann');
/** Another user: nothing of this one may ever be touched. */
export const BOB = UserId.parse('bob');
const DOMAIN = DomainId.parse('customers');

/** A resource of a user. */
export interface Key {
  readonly id: string;
  readonly owner: string;
  readonly project: string;
}

/** The suspend simulation with two users, who have keys in the service `keys`. */
export class UserSimulation extends SuspendSimulation {
  readonly users = new Map<string, boolean>([
    [ANN, true],
    [BOB, true],
  ]);
  keys: Key[] = [ANN, BOB].flatMap((owner) =>
    ['p1', 'p1', 'p2'].map((project, n) => ({ id: `${owner}-${n}`, owner, project })),
  );
  /** True: the listing of the keys fails. */
  fails = false;
  /** Called once, when a run has compared the assignments and has not changed any yet. */
  afterCompare: (() => Promise<void>) | undefined;
  /** Calls that assign, with or without effect. */
  attempts = 0;
  writes = 0;
  /** The assignments of users: `ann role member on project p1`. */
  readonly assigned = new Set<string>();
  #events = 0;

  constructor() {
    super([]);
    const list = async () => {
      this.call();
      if (this.fails) throw new Error('the database is away');
      // The listing ignores its filter, and shows the keys of every user.
      return [...this.keys];
    };
    const row = { id: ({ id }: Key) => id, owner: ({ owner }: Key) => owner };
    this.services.push(
      defineService({
        name: 'keys',
        catalogTypes: ['keys'],
        noProjectResources: 'keys belong to users',
        userResourceTypes: [
          defineUserType<Key>({
            ...row,
            name: 'key',
            list,
            remove: async (key) => {
              this.call();
              this.keys = this.keys.filter(({ id }) => id !== key.id);
              return { kind: 'gone' };
            },
          }),
        ],
        userProvision: {
          compare: async ({ roles, groups }, { mayCreate, user }) => {
            this.call();
            const { afterCompare } = this;
            if (mayCreate && afterCompare) {
              this.afterCompare = undefined;
              await afterCompare();
            }
            const wanted = [
              ...roles.map(({ role, project }) => `${role} on ${project}`),
              ...groups.map((group) => `member of ${group}`),
            ];
            return wanted.map((name) => {
              const key = `${user} ${name}`;
              const isThere = this.assigned.has(key);
              const make = async () => this.#assign(user, key);
              const state = isThere ? ('as-wanted' as const) : ('missing' as const);
              return {
                type: 'role',
                name,
                wanted: 'assigned',
                state,
                ...(isThere ? {} : { make }),
              };
            });
          },
        },
        userReports: [
          defineUserReport<Key>({
            ...row,
            name: 'key',
            because: 'It has no switch.',
            list,
            project: ({ project }) => project,
            message: () => 'the keys are refused',
            advice: 'Wait.',
          }),
        ],
      }),
    );
  }

  /** Keystone refuses an assignment of a user that it does not have. */
  #assign(user: string, key: string): void {
    this.call();
    this.attempts += 1;
    if (!this.users.has(user)) throw new Error(`there is no user ${user}`);
    this.assigned.add(key);
    this.writes += 1;
    this.call();
  }

  keysOf(user: string): Key[] {
    return this.keys.filter(({ owner }) => owner === user);
  }

  override get deps(): CoordinateDeps & TaskDeps {
    const deps = super.deps;
    const { keystone } = deps.cloud;
    const show: typeof keystone.show = async (type, id) => {
      if (type !== 'user') return keystone.show(type, id);
      const enabled = this.users.get(id);
      if (enabled === undefined) return { kind: 'absent' };
      const account = { type, id: UserId.parse(id), domainId: DOMAIN, name: id, enabled };
      return { kind: 'present', account };
    };
    return { ...deps, cloud: { ...deps.cloud, keystone: { ...keystone, show } } };
  }

  /** Changes the flag of ann, and announces it. */
  async setUser(enabled: boolean): Promise<void> {
    if (!this.users.has(ANN)) return;
    this.users.set(ANN, enabled);
    await this.announceUser(enabled ? 'enabled' : 'disabled');
  }

  async deleteUser(): Promise<void> {
    if (!this.users.delete(ANN)) return;
    // Keystone removes the assignments with the user.
    for (const key of this.assigned) if (key.startsWith(ANN)) this.assigned.delete(key);
    await this.announceUser('deleted');
  }

  async announceUser(change: 'created' | 'enabled' | 'disabled' | 'deleted'): Promise<void> {
    this.#events += 1;
    const messageId = `user-event-${this.#events}`;
    const cause = { messageId, eventType: 'test', at: this.engine.time };
    const account: Account = { type: 'user', id: ANN, domainId: DOMAIN, name: 'ann' };
    await this.engine.commit({
      messages: [{ type: `account.user.${change}`, data: { account, cause } }],
    });
  }

  /** The operations about ann with this action, the oldest first. */
  about(action: Action): Operation[] {
    return [...this.engine.operations.values()]
      .filter((one) => one.scope.id === ANN && one.action === action)
      .toSorted((one, other) => one.generation - other.generation);
  }

  conditions() {
    return [...this.engine.tasks.values()].flatMap((task) => task.conditions);
  }

  async userRecords(): Promise<string[]> {
    const documents = await this.engine.reads.documents('suspension', `user/${ANN}`);
    return documents.map(({ id }) => id.split('/').at(-1) ?? '');
  }
}
