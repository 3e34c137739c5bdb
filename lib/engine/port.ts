import type { DomainId, OperationId, TaskId, UserId } from '../../events/ids.ts';
import type { Message, Outgoing, QueueName } from '../../events/index.ts';
import type { ServiceRequested } from '../../events/service.ts';
import type { AccountRecord, QuarantineRecord } from '../account/inventory.ts';
import type { AuditHead, AuditOrigin, AuditRecord, AuditRow } from '../audit/entry.ts';
import type { Action, Operation, OperationState, Scope, Task, Waiver } from '../operation/model.ts';
import type { StopDecision } from '../operation/stop.ts';
import type { ErrorReport } from '../shared/errors.ts';

/**
 * State and the messages that announce it, written as one step. PostgreSQL uses one transaction.
 * AWS writes conditionally first and then sends the messages, which may repeat. A change that is
 * too big for one DynamoDB transaction is written in parts, each of them consistent on its own.
 */
export interface Change {
  /**
   * Message ids of ingested notifications. The commit is a `conflict` if one was ingested before.
   */
  readonly seen?: readonly string[];
  readonly accounts?: readonly AccountRecord[];
  readonly quarantine?: readonly QuarantineRecord[];
  /**
   * `version` is the version that was read (0: new); the store keeps version + 1. The commit is a
   * `conflict` if another process has written the record since.
   */
  readonly operations?: readonly Operation[];
  readonly tasks?: readonly Task[];
  readonly messages?: readonly Outgoing[];
  /** Dead-letter messages for a person, with the error. */
  readonly deadLetters?: readonly {
    readonly message: ServiceRequested;
    readonly error: ErrorReport;
  }[];
  /**
   * A person's decisions about catalog types that no service file covers. The newest per type
   * applies.
   */
  readonly waivers?: readonly Waiver[];
  /** Catalog types whose waiver is withdrawn. */
  readonly unwaived?: readonly string[];
  /** A person's decision to stop all destructive work, or to resume it. The newest one applies. */
  readonly stopDecision?: StopDecision;
  /**
   * Decisions for the audit log, in the same transaction. The store chains them. Concurrent changes
   * with decisions wait for each other or are repeated inside the engine; others are not affected.
   * A change that AWS must write in parts writes them with its first part.
   */
  readonly audit?: readonly AuditRecord[];
  /** Records that other modules define. A wrong version is a `conflict`. */
  readonly documents?: readonly WrittenDocument[];
  /** Amounts to add, by counter name, for example `notification.dropped.identity.authenticate`. */
  readonly counters?: Readonly<Record<string, number>>;
}

/**
 * The place of a document. `collection`: `suspension` (what suspend recorded, by project), `hold`
 * (suspensions by an operator), `provision` (claims of creations, by project), `provisioned` (the
 * profile of each provisioned project), `plan` (what a plan lists, by operation), `approval` (of a
 * plan, by operation), `drift` (what a cleanup may remove beyond its plan, by operation),
 * `deletion-hold` (what must not be deleted: `project`, `domain` or `resource`), `rate` (how long
 * earlier cleanups took, by service) or `policy` (the digest of the policy that applies).
 * `id` is unique in the partition, and at most 1000 bytes long.
 */
export interface DocumentKey {
  readonly collection:
    | 'suspension'
    | 'hold'
    | 'provision'
    | 'provisioned'
    | 'plan'
    | 'approval'
    | 'drift'
    | 'deletion-hold'
    | 'rate'
    | 'policy';
  readonly partition: string;
  readonly id: string;
}
/** A stored document. `value` is JSON; its module parses it. `version` counts the writes. */
export interface StoredDocument extends DocumentKey {
  readonly version: number;
  readonly value: unknown;
}
/**
 * A document to write: `version` is the version that was read (0: new). Without `value` it is
 * deleted. One change should hold at most 50 documents, because AWS may write more of them in part
 * before a conflict.
 */
export interface WrittenDocument extends DocumentKey {
  readonly version: number;
  readonly value?: unknown;
}

/** A dead-letter message: the queue or the task gave it up. Every queue has them. */
export interface DeadLetter {
  readonly id: string;
  /** The source queue, to which a redrive returns the message. */
  readonly queue: QueueName;
  /** `undefined` when this release cannot read it. */
  readonly message: Message | undefined;
  /**
   * The stored text when it is not a readable message: without secrets, cut to {@link
   * MAX_SHOWN_LENGTH} characters.
   */
  readonly unreadable: string | undefined;
  /** The operation that the message is about, if it can be determined. */
  readonly operationId: OperationId | undefined;
  /** The task of the message. `run` is the fence against outdated requests. */
  readonly task: { readonly taskId: TaskId; readonly run: number } | undefined;
  /** `undefined` when the queue gave up because the function died at every delivery. */
  readonly error: ErrorReport | undefined;
  /**
   * Deliveries before the queue gave up; `undefined` if unknown, or if the task gave up instead.
   */
  readonly receiveCount: number | undefined;
  /**
   * Epoch milliseconds at which it was given up (AWS: at which it was first sent, if the queue gave
   * up).
   */
  readonly at: number;
  /**
   * Epoch milliseconds at which the engine deletes it; `undefined` where it stays until a person
   * decides.
   */
  readonly expiresAt: number | undefined;
}
export const MAX_SHOWN_LENGTH = 2000;
/** Beyond this, the oldest records of the quarantine are deleted. */
export const MAX_QUARANTINED = 10_000;

/** The person who decided, and the reason. */
export interface Decided {
  readonly by: string;
  readonly reason?: string | undefined;
  /** For the audit log. Without it the decision is not in the audit log. */
  readonly origin?: AuditOrigin | undefined;
}

/**
 * A person's decision about dead-letter messages, kept for good. There is one record for each
 * operation, queue and cause: see `decisionsOf`.
 */
export interface Decision extends Omit<Decided, 'origin'> {
  readonly id: string;
  readonly what: 'redriven' | 'discarded';
  readonly at: number;
  readonly queue: QueueName;
  /** The operation that the messages were about. */
  readonly operationId: OperationId | undefined;
  /** As in {@link DeadLetterFilter}. */
  readonly cause: string;
  readonly count: number;
}

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
   * Number of operations of this action (default `cleanup`) about accounts of this type, in mode
   * `enforce`, that began to change anything since `at` (epoch milliseconds). The hourly cap uses
   * it.
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
   * At most `limit` accounts of the type in the order of their ids, including deleted ones. They
   * start after the given id, or at the first one.
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
   * The newest decision to stop or resume all destructive work, as of now and never from a cache.
   */
  stopDecision(): Promise<StopDecision | undefined>;
  /** All such decisions, newest first. */
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
  /** Those of the message ids that were ingested before. */
  seen(messageIds: readonly string[]): Promise<Set<string>>;
  /** Newest first. */
  decisions(filter: {
    readonly operationId?: OperationId;
    readonly limit: number;
  }): Promise<Decision[]>;
  quarantine(limit: number): Promise<{ total: number; records: QuarantineRecord[] }>;
  counters(): Promise<Record<string, number>>;
  /** Number of messages by queue and state. */
  depths(): Promise<
    Record<string, { ready: number; delayed: number; active: number; dead: number }>
  >;
}

/**
 * All fields that are set must match. For an unreadable message, the fields that can be found
 * count.
 */
export interface DeadLetterFilter {
  /** `ingest`, `coordinate`, or for example `service-nova`. */
  readonly queue?: QueueName;
  /** Short form for the queue of a service. */
  readonly service?: string;
  readonly operationId?: string;
  /** The error's code, or {@link GAVE_UP_WITHOUT_ERROR}. */
  readonly cause?: string;
  readonly id?: string;
  /** One of these ids: limits a decision to the messages that a person has seen. */
  readonly ids?: readonly string[];
}
/** Cause of a dead-letter message without an error: its queue gave up. */
export const GAVE_UP_WITHOUT_ERROR = 'engine.gave-up';

/** A message as a worker receives it. */
export interface Delivery<M extends Message = Message> {
  readonly message: M;
  /** 1 at the first delivery; more after a worker died or its handler threw. */
  readonly receiveCount: number;
}

export interface WorkOptions {
  /** Concurrent handlers in this process. */
  readonly concurrency: number;
  /** Messages per handler call; default 1. If the handler throws, all of them are retried. */
  readonly batch?: number;
}

/**
 * The platform that the project runs on. Three implementations: memory, PostgreSQL (embedded as
 * PGlite, or a server) and AWS.
 */
export interface Engine {
  readonly reads: Reads;
  /**
   * Writes all or nothing. On `conflict` nothing was written: the caller reads and decides again.
   */
  commit(change: Change): Promise<'committed' | 'conflict'>;
  /**
   * Lists dead-letter messages, oldest first, at least the first 10,000. Listing does not consume
   * them.
   */
  deadLetters(filter: DeadLetterFilter): Promise<DeadLetter[]>;
  /**
   * Returns the messages to their source queue, sends a `task.redriven` for each task and records
   * the decision. Returns their number. On PostgreSQL this is one transaction. AWS records and
   * sends each message before it deletes the dead-letter message: a message may repeat, but none is
   * lost.
   */
  redrive(filter: DeadLetterFilter, decided: Decided): Promise<number>;
  /**
   * Deletes the messages for good, in the same way, with a `task.discarded` for each task. The
   * caller decides which messages may be discarded.
   */
  discard(
    filter: DeadLetterFilter,
    decided: Decided & { readonly reason: string },
  ): Promise<number>;
  /** Throws when the store does not answer. */
  health(): Promise<void>;
  /** Waits for running handlers (at most `graceSeconds`, default 10), then closes the store. */
  close(graceSeconds?: number): Promise<void>;
}

/**
 * An engine whose process receives its messages itself. On AWS, Lambda receives them and calls the
 * functions.
 */
export interface WorkerEngine extends Engine {
  /**
   * Passes the messages of a queue to a handler until `close`. When the handler throws, the message
   * is retried with back-off, and after the last delivery it becomes a dead-letter message.
   */
  work(
    queue: QueueName,
    options: WorkOptions,
    handler: (deliveries: readonly Delivery[]) => Promise<void>,
  ): Promise<void>;
}
