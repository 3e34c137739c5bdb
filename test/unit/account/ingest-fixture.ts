import { readFileSync } from 'node:fs';
import type { Account, AccountEvent } from '../../../events/account.ts';
import { DomainId, ProjectId, UserId } from '../../../events/ids.ts';
import type { NotificationReceived } from '../../../events/notification.ts';
import type { Keystone, KeystoneState } from '../../../lib/account/keystone.ts';
import { notificationReceived } from '../../../lib/account/received.ts';
import { SteppedEngine } from '../../../lib/engine/memory/stepped.ts';
import type { Engine } from '../../../lib/engine/port.ts';
import { ingest } from '../../../lib/handlers/ingest.ts';
import { type SweepCounts, sweepAccounts } from '../../../lib/handlers/sweep.ts';
import { syncInventory } from '../../../lib/handlers/sync-inventory.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { createLogger } from '../../../lib/shared/log.ts';

/** An account as Keystone shows it. */
type ShownAccount = Account & { enabled: boolean };

/** A Keystone in memory that can fail. */
export class FakeKeystone implements Keystone {
  readonly accounts = new Map<string, ShownAccount>();
  readonly roles: { projectId: ProjectId; userId: UserId }[] = [];
  readonly groups = new Map<string, UserId[]>();
  /** Called before each answer. It throws if Keystone must fail. */
  fault: (call: string) => void = () => undefined;
  /** The calls so far, for example `show project p1`. */
  calls: string[] = [];

  put(account: ShownAccount): void {
    this.accounts.set(`${account.type}/${account.id}`, account);
  }
  enable(type: Account['type'], id: string, enabled: boolean): void {
    const account = this.accounts.get(`${type}/${id}`);
    if (account) this.put({ ...account, enabled });
  }
  remove(type: Account['type'], id: string): void {
    this.accounts.delete(`${type}/${id}`);
  }
  #answer<T>(call: string, value: T): T {
    this.calls.push(call);
    this.fault(call);
    return value;
  }
  async show(type: Account['type'], id: string): Promise<KeystoneState> {
    const domain = type === 'project' ? this.accounts.get(`domain/${id}`) : undefined;
    // A domain also appears as a project without a domain.
    const asProject: ShownAccount | undefined = domain && {
      type: 'project',
      id: ProjectId.parse(id),
      enabled: domain.enabled,
    };
    const account = this.accounts.get(`${type}/${id}`) ?? asProject;
    return this.#answer(
      `show ${type} ${id}`,
      account ? { kind: 'present', account } : { kind: 'absent' },
    );
  }
  #list(type: Account['type'], domainId?: DomainId): Account[] {
    return [...this.accounts.values()].filter(
      (account) =>
        account.type === type &&
        (domainId === undefined || (account.type !== 'domain' && account.domainId === domainId)),
    );
  }
  /** The number of rows in one page. Keystone before 2025.1 shows all rows in one page. */
  pageRows = 2;
  async eachPage(
    type: Account['type'],
    handlePage: (accounts: readonly Account[]) => Promise<void>,
  ): Promise<void> {
    const all = this.#list(type);
    for (let from = 0; from === 0 || from < all.length; from += this.pageRows)
      await handlePage(this.#answer(`page of ${type}s`, all.slice(from, from + this.pageRows)));
  }
  projects = async (domainId?: DomainId): Promise<Account[]> =>
    this.#answer('projects', this.#list('project', domainId));
  users = async (domainId?: DomainId): Promise<Account[]> =>
    this.#answer('users', this.#list('user', domainId));
  domains = async (): Promise<Account[]> => this.#answer('domains', this.#list('domain'));
  members = async (projectId?: ProjectId) =>
    this.#answer(
      'members',
      this.roles.filter((role) => projectId === undefined || role.projectId === projectId),
    );
  groupMembers = async (id: string): Promise<UserId[]> =>
    this.#answer(`group ${id}`, this.groups.get(id) ?? []);
}

export const failUnavailable = (): never => {
  throw new PropagatorError({
    code: 'keystone.http.503',
    class: 'Transient',
    service: 'keystone',
    message: 'Keystone does not answer',
    advice: 'Wait.',
  });
};

/** A log that writes nothing. */
export const silentLog = createLogger('silent');

/** The function `ingest` with an engine in memory, a Keystone and a clock. */
export class IngestFixture {
  readonly engine = new SteppedEngine();
  readonly keystone = new FakeKeystone();
  readonly deps = {
    engine: this.engine as Engine,
    keystone: this.keystone as Keystone,
    log: silentLog,
    now: () => this.engine.time,
  };

  /** Delivers these bodies to `ingest` as one batch. */
  async deliver(...bodies: (string | Uint8Array)[]): Promise<void> {
    await this.deliverReceived(...bodies.map((body) => this.received(body)));
  }
  received(body: string | Uint8Array): NotificationReceived {
    this.#count += 1;
    return notificationReceived(typeof body === 'string' ? Buffer.from(body) : body, {
      id: `n-${this.#count}`,
      source: 'test',
      receivedAt: this.engine.time,
    });
  }
  #count = 0;
  async deliverReceived(...messages: NotificationReceived[]): Promise<void> {
    await ingest(
      messages.map((message) => ({ message, receiveCount: 1 })),
      this.deps,
    );
  }
  syncInventory(): Promise<{ accountCount: number; missingCount: number }> {
    return syncInventory(this.deps);
  }
  sweep(): Promise<SweepCounts> {
    return sweepAccounts({
      ...this.deps,
      mode: 'enforce',
      gracePeriodMillis: 0,
      protectedIds: { projects: [], domains: [] },
    });
  }
  get events(): AccountEvent[] {
    return this.engine.waiting.flatMap(({ message }) =>
      message.type.startsWith('account.') ? [message as AccountEvent] : [],
    );
  }
  /** The events as text, with the name if it is known: `account.project.deleted b`. */
  get eventTexts(): string[] {
    return this.events.map(
      ({ type, data: { account } }) => `${type} ${account.name ?? account.id}`,
    );
  }
  get delayedNotifications() {
    return this.engine.waiting.filter(({ message }) => message.type === 'notification.received');
  }
  /** Advances the clock to the next delayed notification, and delivers those that are due. */
  async deliverDelayed(): Promise<void> {
    this.engine.time = Math.max(
      this.engine.time,
      Math.min(...this.delayedNotifications.map(({ dueAt }) => dueAt)),
    );
    const due = this.delayedNotifications.filter(({ dueAt }) => dueAt <= this.engine.time);
    for (const waiting of due) this.engine.removeDelivered(waiting);
    await this.deliverReceived(
      ...due.flatMap(({ message }) => (message.type === 'notification.received' ? [message] : [])),
    );
  }
  counter(name: string): number {
    return this.engine.counters.get(name) ?? 0;
  }
}

let notificationCount = 0;
/** The fields of a notification that a test may set. */
export interface NotificationParts {
  messageId?: string | undefined;
  requestId?: string;
  at?: string;
  payload?: object;
}
/** A CADF notification about one id, in the envelope of version 2. */
export function cadf(
  eventType: string,
  id: string | undefined,
  { messageId, requestId, at, payload }: NotificationParts = {},
): string {
  notificationCount += 1;
  const target =
    id === undefined ? {} : { target: { id, typeURI: 'data/security' }, resource_info: id };
  return JSON.stringify({
    'oslo.version': '2.0',
    'oslo.message': JSON.stringify({
      message_id: messageId ?? `message-${notificationCount}`,
      publisher_id: 'identity.test',
      event_type: eventType,
      priority: 'INFO',
      timestamp: at ?? '2026-11-23 03:49:48.266196',
      payload: {
        typeURI: 'http://schemas.dmtf.org/cloud/audit/1.0/event',
        outcome: 'success',
        ...(requestId === undefined
          ? {}
          : {
              initiator: {
                user_id: 'admin1',
                username: 'admin',
                project_id: 'adminproject',
                request_id: requestId,
              },
            }),
        ...target,
        ...payload,
      },
    }),
  });
}

const domainId = DomainId.parse('d1');
export const domain = (id: string, enabled = true): ShownAccount => ({
  type: 'domain',
  id: DomainId.parse(id),
  name: `domain ${id}`,
  enabled,
});
export const project = (
  id: string,
  overrides: { enabled?: boolean; parentId?: string; domainId?: DomainId } = {},
): ShownAccount => ({
  type: 'project',
  id: ProjectId.parse(id),
  name: `project ${id}`,
  domainId,
  enabled: true,
  ...overrides,
});
export const user = (id: string, enabled = true): ShownAccount => ({
  type: 'user',
  id: UserId.parse(id),
  name: `user ${id}`,
  domainId,
  enabled,
});
export const role = (projectId: string, userId: string) => ({
  projectId: ProjectId.parse(projectId),
  userId: UserId.parse(userId),
});

export const FORMATS = ['cadf-messagingv2', 'cadf-messaging', 'basic-messagingv2'] as const;
/** Returns the bodies that a real Keystone sent in a recorded scenario: 29 in each format. */
export function recordedBodies(format: (typeof FORMATS)[number]): string[] {
  const lines = readFileSync(
    new URL(`../../../events/samples/keystone/${format}.jsonl`, import.meta.url),
    'utf8',
  )
    .trim()
    .split('\n');
  return lines.map((line) => String(JSON.parse(line).body));
}
