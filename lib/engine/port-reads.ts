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
   * Returns how many operations with this action (default `cleanup`) on accounts of this type, in
   * mode `enforce`, have started to change resources since `at` (epoch milliseconds). The hourly
   * cap uses this number.
   */
  startedSince(at: number, type: Scope['type'], action?: Action): Promise<number>;
  account(type: 'project' | 'domain' | 'user', id: string): Promise<AccountRecord | undefined>;
  /**
   * The known accounts among `ids`, or without `ids` all accounts of the type, including deleted
   * ones.
   */
  accounts(type: 'project' | 'domain' | 'user', ids?: readonly string[]): Promise<AccountRecord[]>;
  /** Accounts whose deletion is held for a person's decision, newest first: see `Suspicion`. */
  suspicions(limit: number): Promise<{ total: number; records: AccountRecord[] }>;
  /** Accounts whose ids fold to this text, including deleted ones: see `foldId`. */
  accountsAlike(type: 'project' | 'domain' | 'user', folded: string): Promise<AccountRecord[]>;
  /**
   * At most `limit` accounts of the type whose ids follow `after`, in the order of their ids,
   * including deleted ones. Without `after` the list starts at the first account.
   */
  accountsAfter(
    type: 'project' | 'domain' | 'user',
    after: string | undefined,
    limit: number,
  ): Promise<AccountRecord[]>;
  /** All projects of a domain that the inventory ever recorded, including deleted ones. */
  projectsOf(domainId: DomainId): Promise<AccountRecord[]>;
  /** All projects on which the user had a role at any time, as far as the inventory knows. */
  projectsOfMember(userId: UserId): Promise<AccountRecord[]>;
  accountCount(): Promise<number>;
  /** Sorted by catalog type. */
  waivers(): Promise<Waiver[]>;
  /**
   * The newest decision to stop or resume all destructive work. It is always read from the store
   * and never cached.
   */
  stopDecision(): Promise<StopDecision | undefined>;
  /** All decisions to stop or resume, newest first. */
  stopDecisions(limit: number): Promise<StopDecision[]>;
  /** Rows of the audit log with at least this sequence, in its order. */
  auditRows(from: number, limit: number): Promise<AuditRow[]>;
  /** The newest entry of the audit log. */
  auditHead(): Promise<AuditHead>;
  /** The documents of a partition whose ids begin with `prefix`, in the order of their ids. */
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
