import type { DomainId, OperationId, TaskId, UserId } from '../../events/ids.ts';
import type { Message, Outgoing, QueueName } from '../../events/index.ts';
import type { ServiceRequested } from '../../events/service.ts';
import type { AccountRecord, QuarantineRecord } from '../account/inventory.ts';
import type { Operation, OperationState, Scope, Task, Waiver } from '../operation/model.ts';
import type { ErrorReport } from '../shared/errors.ts';

/**
 * State and the messages that announce it, as one step.
 * PostgreSQL: one transaction. AWS: conditional writes first, then the messages, which may repeat;
 * a change that is too big for one transaction of DynamoDB goes in steps, each of which may stand
 * alone.
 */
export interface Change {
  /** Message ids of notifications taken in; `conflict` if one of them already was. */
  readonly seen?: readonly string[];
  readonly accounts?: readonly AccountRecord[];
  readonly quarantine?: readonly QuarantineRecord[];
  /**
   * `version` is the version that was read (0: new); it is stored as version + 1. `conflict` if
   * somebody else wrote.
   */
  readonly operations?: readonly Operation[];
  readonly tasks?: readonly Task[];
  readonly messages?: readonly Outgoing[];
  /** Put aside for a person, with the reason. */
  readonly deadLetters?: readonly {
    readonly message: ServiceRequested;
    readonly error: ErrorReport;
  }[];
  /**
   * A person's decisions about catalog types that no service file covers; the newest of a type
   * counts.
   */
  readonly waivers?: readonly Waiver[];
  /** Catalog types whose waiver is taken back. */
  readonly unwaived?: readonly string[];
  /** Counters to add to, by name: `notification.dropped.identity.authenticate`. */
  readonly counters?: Readonly<Record<string, number>>;
}

/**
 * A message that was given up. Every queue has such letters: those of services, `ingest` and
 * `coordinate`.
 */
export interface DeadLetter {
  readonly id: string;
  /** The queue that it came from, and that a redrive brings it back to. */
  readonly queue: QueueName;
  /** `undefined` when this release can't read it. */
  readonly message: Message | undefined;
  /**
   * What lies there instead of a message, as text without secrets, cut to {@link SHOWN_AT_MOST}
   * characters.
   */
  readonly unreadable: string | undefined;
  /** Of the operation that it is about, as far as that can be found. */
  readonly operationId: OperationId | undefined;
  /** The task that it asked for; `run` is the fence. */
  readonly task: { readonly taskId: TaskId; readonly run: number } | undefined;
  /** `undefined` when the queue gave up by itself: the function died on it again and again. */
  readonly error: ErrorReport | undefined;
  /**
   * Deliveries before it was given up; `undefined` where that is not known, or a task gave up and
   * not its queue.
   */
  readonly receiveCount: number | undefined;
  /**
   * Epoch milliseconds, when it was given up (AWS: when it was first sent, if its queue gave it
   * up).
   */
  readonly at: number;
  /**
   * Epoch milliseconds when the engine throws it away; `undefined` where it stays until a person
   * decides.
   */
  readonly expiresAt: number | undefined;
}
export const SHOWN_AT_MOST = 2000;

/** Who decided, and why. */
export interface Decided {
  readonly by: string;
  readonly reason?: string | undefined;
}

/**
 * What a person did with dead letters; kept for good. One for each operation, queue and cause that
 * it was about: see `decisionsOf`.
 */
export interface Decision extends Decided {
  readonly id: string;
  readonly what: 'redriven' | 'discarded';
  readonly at: number;
  readonly queue: QueueName;
  /** Of the operation that the letters were about. */
  readonly operationId: OperationId | undefined;
  /** As in {@link DeadLetterFilter}. */
  readonly cause: string;
  readonly letters: number;
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
  /** Every generation of the operation about this account, newest first. */
  operationsAbout(type: Scope['type'], id: string): Promise<Operation[]>;
  operations(filter: OperationFilter): Promise<Operation[]>;
  tasks(operationId: OperationId): Promise<Task[]>;
  task(id: TaskId): Promise<Task | undefined>;
  /**
   * Operations about accounts of this type that began to destroy since then (`startedAt`), mode
   * enforce: for the cap.
   */
  startedSince(at: number, type: Scope['type']): Promise<number>;
  account(type: 'project' | 'domain' | 'user', id: string): Promise<AccountRecord | undefined>;
  /** Those of the ids that are known; without ids, every account of the type, deleted ones too. */
  accounts(type: 'project' | 'domain' | 'user', ids?: readonly string[]): Promise<AccountRecord[]>;
  /** Accounts whose deletion is held apart, the last one first: see `Suspicion`. */
  suspicions(limit: number): Promise<{ total: number; records: AccountRecord[] }>;
  /** Accounts whose ids fold to this text, deleted ones too: see `foldId`. */
  accountsAlike(type: 'project' | 'domain' | 'user', folded: string): Promise<AccountRecord[]>;
  /**
   * At most `limit` accounts of the type, deleted ones too, in the order of their ids: those after
   * the id, or the first ones.
   */
  accountsAfter(
    type: 'project' | 'domain' | 'user',
    after: string | undefined,
    limit: number,
  ): Promise<AccountRecord[]>;
  /** All projects of a domain that the inventory ever knew, deleted ones too. */
  projectsOf(domainId: DomainId): Promise<AccountRecord[]>;
  /** All projects that the inventory knows the user to have had a role on. */
  projectsOfMember(userId: UserId): Promise<AccountRecord[]>;
  accountCount(): Promise<number>;
  /** By catalog type. */
  waivers(): Promise<Waiver[]>;
  /** Those of the message ids that were taken in already. */
  seen(messageIds: readonly string[]): Promise<Set<string>>;
  /** Newest first. */
  decisions(filter: {
    readonly operationId?: OperationId;
    readonly limit: number;
  }): Promise<Decision[]>;
  quarantine(limit: number): Promise<{ total: number; records: QuarantineRecord[] }>;
  counters(): Promise<Record<string, number>>;
  /** Messages that wait, by queue. */
  depths(): Promise<
    Record<string, { ready: number; delayed: number; active: number; dead: number }>
  >;
}

/**
 * All that is set must be true of a letter; of one that can't be read, as far as its fields can be
 * found.
 */
export interface DeadLetterFilter {
  /** `ingest`, `coordinate`, `service-nova`. */
  readonly queue?: QueueName;
  /** Short for the queue of that service. */
  readonly service?: string;
  readonly operationId?: string;
  /** The error's code, or {@link NO_WORD}. */
  readonly cause?: string;
  readonly id?: string;
  /** One of these: what somebody has looked at, and nothing that came since. */
  readonly ids?: readonly string[];
}
/** The cause of a letter without an error: its queue gave it up by itself. */
export const NO_WORD = 'engine.gave-up';

/** A message as a worker gets it. */
export interface Delivery<M extends Message = Message> {
  readonly message: M;
  /** 1 on the first delivery; more when a worker died or threw on it. */
  readonly receiveCount: number;
}

export interface WorkOptions {
  /** Handlers at the same time in this process. */
  readonly concurrency: number;
  /** Messages handed over together; default 1. All of them are repeated when the handler throws. */
  readonly batch?: number;
}

/** Where the project runs. Two of them: PostgreSQL (embedded as PGlite, or a server) and AWS. */
export interface Engine {
  readonly reads: Reads;
  /** All or nothing. `conflict`: nothing was written, read again and decide again. */
  commit(change: Change): Promise<'committed' | 'conflict'>;
  /**
   * Hand the messages of a queue to a handler until `close`. A handler that throws gets its message
   * again, with back-off; in the end it is a dead letter.
   */
  work(
    queue: QueueName,
    options: WorkOptions,
    handler: (deliveries: readonly Delivery[]) => Promise<void>,
  ): Promise<void>;
  /**
   * Oldest first; at least 10,000 of them where there are so many. Looking takes none away from
   * anybody else.
   */
  deadLetters(filter: DeadLetterFilter): Promise<DeadLetter[]>;
  /**
   * Back to the queue they came from, with a `task.redriven` for each task, and the decision
   * recorded; says how many. One step where the store can. Else letter by letter, recorded and sent
   * before it is taken away: one may then come twice, and none is lost.
   */
  redrive(filter: DeadLetterFilter, decided: Decided): Promise<number>;
  /**
   * Thrown away in the same manner, with a `task.discarded` for each task. Which may be, the caller
   * has decided.
   */
  discard(
    filter: DeadLetterFilter,
    decided: Decided & { readonly reason: string },
  ): Promise<number>;
  /** Throws when the store does not answer. */
  health(): Promise<void>;
  /** Lets running handlers end (at most `graceSeconds`, default 10), then lets go of the store. */
  close(graceSeconds?: number): Promise<void>;
}
