import type { DomainId, OperationId, TaskId, UserId } from '../../events/ids.ts';
import type { QueueName } from '../../events/index.ts';
import type { AccountRecord, QuarantineRecord } from '../account/inventory.ts';
import type { AuditHead, AuditRow } from '../audit/entry.ts';
import type { Action, Operation, OperationState, Scope, Task, Waiver } from '../operation/model.ts';
import type { StopDecision } from '../operation/stop.ts';
import type { DocumentKey, StoredDocument } from './port-change.ts';
import type { Decision } from './port-dead-letters.ts';

export interface OperationFilter {
  readonly state?: OperationState;
  readonly projectId?: string;
  readonly domainId?: string;
  readonly userId?: string;
  readonly parentId?: OperationId;
  /** Newest first; default 100. */
  readonly limit?: number;
}

export interface Reads {
  operation(id: OperationId): Promise<Operation | undefined>;
  /** All generations of the operation about an account, newest first. */
  operationsAbout(type: Scope['type'], id: string): Promise<Operation[]>;
  operations(filter: OperationFilter): Promise<Operation[]>;
  tasks(operationId: OperationId): Promise<Task[]>;
  task(id: TaskId): Promise<Task | undefined>;
  /**
   * Counts the operations in mode `enforce` that have started to change resources since `at` (epoch
   * milliseconds). Only operations with this action (default `cleanup`) on accounts of this type
   * count. The hourly cap uses this number.
   */
  countStartedSince(at: number, type: Scope['type'], action?: Action): Promise<number>;
  account(type: 'project' | 'domain' | 'user', id: string): Promise<AccountRecord | undefined>;
  /** The accounts of the type, including deleted accounts. With `ids`, only these accounts. */
  accounts(type: 'project' | 'domain' | 'user', ids?: readonly string[]): Promise<AccountRecord[]>;
  /**
   * Accounts with a suspicious deletion, newest first: see `Suspicion`. `total` counts the
   * deletions that wait for a decision.
   */
  suspicions(limit: number): Promise<{ total: number; records: AccountRecord[] }>;
  /** Accounts with an id that `foldId` maps to this text, including deleted accounts. */
  accountsWithFoldedId(
    type: 'project' | 'domain' | 'user',
    folded: string,
  ): Promise<AccountRecord[]>;
  /**
   * At most `limit` accounts of the type, including deleted accounts, in the order of their ids.
   * The list starts with the account after the id `after`, or with the first account.
   */
  accountsAfter(
    type: 'project' | 'domain' | 'user',
    after: string | undefined,
    limit: number,
  ): Promise<AccountRecord[]>;
  /** All projects of a domain in the inventory, including deleted projects. */
  projectsOf(domainId: DomainId): Promise<AccountRecord[]>;
  /** All projects in the inventory on which the user has, or had, a role. */
  projectsOfMember(userId: UserId): Promise<AccountRecord[]>;
  accountCount(): Promise<number>;
  /** Sorted by catalog type. */
  coverageWaivers(): Promise<Waiver[]>;
  /** The newest decision to stop or resume all destructive work. The engine never caches it. */
  stopDecision(): Promise<StopDecision | undefined>;
  /** All decisions to stop or resume, newest first. */
  stopDecisions(limit: number): Promise<StopDecision[]>;
  /** Rows of the audit log, in their order, from this sequence number on. */
  auditRows(from: number, limit: number): Promise<AuditRow[]>;
  /** The newest entry of the audit log. */
  auditHead(): Promise<AuditHead>;
  /** The documents of a partition with ids that begin with `prefix`, in the order of their ids. */
  documents(
    collection: DocumentKey['collection'],
    partition: string,
    prefix?: string,
  ): Promise<StoredDocument[]>;
  /** Returns which of the message ids were ingested before. */
  seen(messageIds: readonly string[]): Promise<Set<string>>;
  /** Newest first. */
  decisions(filter: {
    readonly operationId?: OperationId;
    readonly limit: number;
  }): Promise<Decision[]>;
  quarantine(limit: number): Promise<{ total: number; records: QuarantineRecord[] }>;
  counters(): Promise<Record<string, number>>;
  /** True if a message of the queue is due or being handled. Costs the same at any depth. */
  hasDue(queue: QueueName): Promise<boolean>;
  /** Number of messages by queue and state. */
  depths(): Promise<
    Record<string, { ready: number; delayed: number; active: number; dead: number }>
  >;
}
