import type { DomainId, OperationId, TaskId, UserId } from '../../events/ids.ts';
import type { Message, Outgoing, QueueName } from '../../events/index.ts';
import type { ServiceRequested } from '../../events/service.ts';
import type { AccountRecord, QuarantineRecord } from '../account/inventory.ts';
import type { ErrorReport } from '../errors.ts';
import type { Operation, OperationState, Scope, Task, Waiver } from '../operation/model.ts';

/**
 * State and the messages that announce it, as one step.
 * PostgreSQL: one transaction. AWS: conditional writes first, then the messages, which may repeat; a change that is too big for one
 * transaction of DynamoDB goes in steps, each of which may stand alone.
 */
export interface Change {
  /** Message ids of notifications taken in; `conflict` if one of them already was. */
  readonly seen?: readonly string[];
  readonly accounts?: readonly AccountRecord[];
  readonly quarantine?: readonly QuarantineRecord[];
  /** `version` is the version that was read (0: new); it is stored as version + 1. `conflict` if somebody else wrote. */
  readonly operations?: readonly Operation[];
  readonly tasks?: readonly Task[];
  readonly messages?: readonly Outgoing[];
  /** Put aside for a person, with the reason. */
  readonly deadLetters?: readonly { readonly message: ServiceRequested; readonly error: ErrorReport }[];
  /** A person's decisions about catalog types that no service file covers; the newest of a type counts. */
  readonly waivers?: readonly Waiver[];
  /** Catalog types whose waiver is taken back. */
  readonly unwaived?: readonly string[];
  /** Counters to add to, by name: `notification.dropped.identity.authenticate`. */
  readonly counters?: Readonly<Record<string, number>>;
}

export interface DeadLetter {
  readonly id: string;
  readonly queue: QueueName;
  readonly message: Message;
  /** `undefined` when the queue gave up by itself: the function died on it again and again. */
  readonly error: ErrorReport | undefined;
  /** Epoch milliseconds. */
  readonly at: number;
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
  /** Operations about accounts of this type that began to destroy since then (`startedAt`), mode enforce: for the cap. */
  startedSince(at: number, type: Scope['type']): Promise<number>;
  account(type: 'project' | 'domain' | 'user', id: string): Promise<AccountRecord | undefined>;
  /** Those of the ids that are known; without ids, every account of the type, deleted ones too. */
  accounts(type: 'project' | 'domain' | 'user', ids?: readonly string[]): Promise<AccountRecord[]>;
  /** All projects of a domain that the inventory ever knew, deleted ones too. */
  projectsOf(domainId: DomainId): Promise<AccountRecord[]>;
  /** All projects that the inventory knows the user to have had a role on. */
  projectsOfMember(userId: UserId): Promise<AccountRecord[]>;
  accountCount(): Promise<number>;
  /** By catalog type. */
  waivers(): Promise<Waiver[]>;
  /** Those of the message ids that were taken in already. */
  seen(messageIds: readonly string[]): Promise<Set<string>>;
  quarantine(limit: number): Promise<{ total: number; records: QuarantineRecord[] }>;
  counters(): Promise<Record<string, number>>;
  /** Messages that wait, by queue. */
  depths(): Promise<Record<string, { ready: number; delayed: number; active: number; dead: number }>>;
}

export interface DeadLetterFilter {
  readonly service?: string;
  readonly operationId?: string;
  /** The error's code. */
  readonly cause?: string;
  readonly id?: string;
}

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
  /** Hand the messages of a queue to a handler until `close`. A handler that throws gets its message again, with back-off; in the end it is a dead letter. */
  work(queue: QueueName, options: WorkOptions, handler: (deliveries: readonly Delivery[]) => Promise<void>): Promise<void>;
  deadLetters(filter: DeadLetterFilter): Promise<DeadLetter[]>;
  /** Back to the queue they came from, all in one step with a `task.redriven` for each; says how many. */
  redrive(filter: DeadLetterFilter, by: string): Promise<number>;
  /** Throws when the store does not answer. */
  health(): Promise<void>;
  /** Lets running handlers end (at most `graceSeconds`, default 10), then lets go of the store. */
  close(graceSeconds?: number): Promise<void>;
}
