import type { OutgoingMessage } from '../../events/index.ts';
import type { KeystoneActionMessage } from '../../events/operation.ts';
import type { ServiceRequested } from '../../events/service.ts';
import type { AccountRecord, QuarantineRecord } from '../account/inventory.ts';
import type { AuditRecord } from '../audit/entry.ts';
import type { Operation, Task, Waiver } from '../operation/model.ts';
import type { StopDecision } from '../operation/stop.ts';
import type { ErrorReport } from '../shared/errors.ts';

/**
 * Records and messages that one commit stores together. PostgreSQL uses one transaction. AWS first
 * writes the records and then sends the messages, and may send a message twice. A change that is
 * too big for one DynamoDB transaction is written in parts. The stored records are consistent after
 * each part.
 */
export interface Change {
  /**
   * The ids of the notifications that this change ingests, or the id of a sweep. A process records
   * this id before it begins the sweep, so that no other process makes the same sweep. Only one
   * commit can record an id: the commit is a `conflict` if an earlier commit has recorded one of
   * these ids.
   */
  readonly seen?: readonly string[];
  readonly accounts?: readonly AccountRecord[];
  readonly quarantine?: readonly QuarantineRecord[];
  /**
   * `version` is the version that the caller read (0: a new record). The engine stores the record
   * with version + 1. The commit is a `conflict` if another process has written the record since
   * the caller read it.
   */
  readonly operations?: readonly Operation[];
  /** With versions, as in {@link Change.operations}. */
  readonly tasks?: readonly Task[];
  readonly messages?: readonly OutgoingMessage[];
  /** Messages for the dead-letter queues, with the error that the operator sees. */
  readonly deadLetters?: readonly {
    readonly message: ServiceRequested | KeystoneActionMessage;
    readonly error: ErrorReport;
  }[];
  /**
   * Waivers of catalog types that no service file covers. A new waiver replaces the stored waiver
   * of its type.
   */
  readonly waivers?: readonly Waiver[];
  /** The catalog types whose waivers this change removes. */
  readonly removedWaiverTypes?: readonly string[];
  /** A person's decision to stop or resume all destructive work. The newest decision applies. */
  readonly stopDecision?: StopDecision;
  /**
   * Decisions for the audit log, in the same transaction. Each entry contains the hash of the entry
   * before it, so two changes with decisions cannot be written at the same time. On PostgreSQL the
   * second change waits for the first. On AWS the engine retries the second change. If AWS writes a
   * change in parts, the first part contains the decisions.
   */
  readonly audit?: readonly AuditRecord[];
  /** The commit is a `conflict` if a document has an outdated version. */
  readonly documents?: readonly WrittenDocument[];
  /** Amounts to add, by counter name, for example `notification.dropped.identity.authenticate`. */
  readonly counters?: Readonly<Record<string, number>>;
}

/**
 * The collections of documents, with their content. "Per project" means that each project has a
 * partition of its own.
 * - `suspension`: per project or user, the state of its resources before a suspension
 * - `hold`: the projects that an operator keeps suspended
 * - `provision`: per project or user, the claims that keep two runs from creating the same resource
 * - `provisioned`: the profile of each provisioned project
 * - `plan`: per plan, the listed resources
 * - `approval`: per plan, the approvals
 * - `drift`: per operation, the resources that it may remove in addition to its plan
 * - `deletion-hold`: the projects, domains and resources that must not be deleted
 * - `rate`: for each service, the duration of earlier cleanups
 * - `policy`: the digest of the policy that applies
 */
export type DocumentCollection =
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

/**
 * The key of a document. `partition` is, for example, the id of a project. `id` is unique in the
 * partition, and at most 1000 bytes long.
 */
export interface DocumentKey {
  readonly collection: DocumentCollection;
  readonly partition: string;
  readonly id: string;
}
/**
 * A stored document. `value` is JSON, which the module that wrote the document parses. `version` is
 * the number of times that the document was written.
 */
export interface StoredDocument extends DocumentKey {
  readonly version: number;
  readonly value: unknown;
}
/**
 * A document to write. `version` is the version that the caller read (0: a new document). A
 * document without `value` is deleted. If a change contains more than 50 documents, the engine on
 * AWS may write some of them before it finds that another document is in conflict.
 */
export interface WrittenDocument extends DocumentKey {
  readonly version: number;
  readonly value?: unknown;
}

/** The maximum number of records in quarantine. The engine deletes the oldest surplus records. */
export const MAX_QUARANTINE_RECORDS = 10_000;
