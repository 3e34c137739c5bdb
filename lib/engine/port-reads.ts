import type { DomainId, OperationId, TaskId, UserId } from '../../events/ids.ts';
import type { QueueName } from '../../events/index.ts';
import type { AccountRecord, QuarantineRecord } from '../account/inventory.ts';
import type { AuditHead, AuditRow } from '../audit/entry.ts';
import type { Action, Operation, OperationState, Scope, Task, Waiver } from '../operation/model.ts';
import type { StopDecision } from '../operation/stop.ts';
import type { DocumentKey, StoredDocument } from './port-change.ts';
import type { DeadLetterDecision } from './port-dead-letters.ts';

/** Selects the operations that match all fields that are set. */
export interface OperationFilter {
  readonly state?: OperationState;
  readonly projectId?: string;
  readonly domainId?: string;
  readonly userId?: string;
  readonly parentId?: OperationId;
  /** The maximum number of operations. Default 100. */
  readonly limit?: number;
}

/** Selects the records for a step of an operation. */
export interface StepQuery {
  /** Epoch milliseconds; see `countStartedSince`. */
  readonly startedSince: number;
  /** The partition whose documents are read. */
  readonly documentPartition: Omit<DocumentKey, 'id'>;
}

/** The records from which a step of an operation is decided. */
export interface StepRecords {
  readonly operation: Operation;
  readonly tasks: readonly Task[];
  /** `countStartedSince` for the account type and the action of the operation. */
  readonly startedCount: number;
  readonly waivers: readonly Waiver[];
  readonly documents: readonly StoredDocument[];
}

/** Reads of operations and tasks. */
export interface OperationReads {
  operation(id: OperationId): Promise<Operation | undefined>;
  /**
   * Returns the records for a step of an operation; `undefined` if the operation does not exist. An
   * engine reads them with as few calls as it can, because each message to the coordinator needs
   * them.
   */
  stepRecords(id: OperationId, query: StepQuery): Promise<StepRecords | undefined>;
  /** All operations about an account. The operation with the newest generation is first. */
  operationsAbout(type: Scope['type'], id: string): Promise<Operation[]>;
  /** The matching operations, newest first. */
  operations(filter: OperationFilter): Promise<Operation[]>;
  tasks(operationId: OperationId): Promise<Task[]>;
  task(id: TaskId): Promise<Task | undefined>;
  /**
   * Counts the operations with this action (default `cleanup`) on accounts of this type, in mode
   * `enforce`. Only operations that have started to change resources at or after `since` (epoch
   * milliseconds) count. Operations about suspicious deletions do not count. The hourly cap uses
   * this number.
   */
  countStartedSince(since: number, type: Scope['type'], action?: Action): Promise<number>;
}

/** Reads of the inventory. */
export interface AccountReads {
  account(type: 'project' | 'domain' | 'user', id: string): Promise<AccountRecord | undefined>;
  /** The accounts of the type, including deleted accounts. With `ids`, only these accounts. */
  accounts(type: 'project' | 'domain' | 'user', ids?: readonly string[]): Promise<AccountRecord[]>;
  /**
   * Accounts with a suspicious deletion (see `Suspicion`). The undecided deletions are first, then
   * the dropped deletions. Within each of these groups, the newest deletion is first. `total` is
   * the number of undecided deletions.
   */
  suspicions(limit: number): Promise<{ total: number; records: AccountRecord[] }>;
  /**
   * Accounts, including deleted accounts, whose id `foldId` maps to `foldedId`. Keystone's database
   * may treat these ids as equal, for example because they differ only in case.
   */
  accountsWithFoldedId(
    type: 'project' | 'domain' | 'user',
    foldedId: string,
  ): Promise<AccountRecord[]>;
  /**
   * At most `limit` accounts of the type, including deleted accounts, in the order of their ids.
   * With `after`, the list starts with the account that follows this id.
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
  /** The number of accounts in the inventory, including deleted accounts. */
  accountCount(): Promise<number>;
}

/** Reads of the decisions of persons. */
export interface DecisionReads {
  /** Sorted by catalog type. */
  coverageWaivers(): Promise<Waiver[]>;
  /** The newest decision to stop or resume all destructive work. The engine never caches it. */
  stopDecision(): Promise<StopDecision | undefined>;
  /** All decisions to stop or resume, newest first. */
  stopDecisions(limit: number): Promise<StopDecision[]>;
  /** Decisions about dead-letter messages, newest first. */
  decisions(filter: {
    readonly operationId?: OperationId;
    readonly limit: number;
  }): Promise<DeadLetterDecision[]>;
  /** Rows of the audit log, in the order of their sequence numbers, from `from` on. */
  auditRows(from: number, limit: number): Promise<AuditRow[]>;
  /** The sequence number and the hash of the newest entry of the audit log. */
  auditHead(): Promise<AuditHead>;
}

/** Reads of all other stored records. */
export interface RecordReads {
  /** The documents of a partition with ids that begin with `prefix`, in the order of their ids. */
  documents(
    collection: DocumentKey['collection'],
    partition: string,
    prefix?: string,
  ): Promise<StoredDocument[]>;
  /** Returns the ids of `messageIds` that an earlier commit has recorded: see `Change.seen`. */
  seenMessageIds(messageIds: readonly string[]): Promise<Set<string>>;
  /** The newest records first. `total` is the number of all records. */
  quarantine(limit: number): Promise<{ total: number; records: QuarantineRecord[] }>;
  counters(): Promise<Record<string, number>>;
}

/** Reads of the number of messages. */
export interface QueueReads {
  /**
   * True if a message of the queue is due or is being handled. The cost of this read does not
   * depend on the number of messages.
   */
  hasUnfinished(queue: QueueName): Promise<boolean>;
  /** Returns the numbers of messages in each queue. `dead`: in its dead-letter queue. */
  depths(): Promise<
    Record<string, { ready: number; delayed: number; active: number; dead: number }>
  >;
}

/** All reads of an engine. */
export interface Reads
  extends OperationReads,
    AccountReads,
    DecisionReads,
    RecordReads,
    QueueReads {}
