import type { Outgoing } from '../../events/index.ts';
import type { KeystoneActionMessage } from '../../events/operation.ts';
import type { ServiceRequested } from '../../events/service.ts';
import type { AccountRecord, QuarantineRecord } from '../account/inventory.ts';
import type { AuditRecord } from '../audit/entry.ts';
import type { Operation, Task, Waiver } from '../operation/model.ts';
import type { StopDecision } from '../operation/stop.ts';
import type { ErrorReport } from '../shared/errors.ts';

/**
 * State and its messages, written in one step. PostgreSQL uses one transaction. AWS first writes
 * the state and then sends the messages, which may repeat. A change that is too big for one
 * DynamoDB transaction is written in parts, and each part is consistent.
 */
export interface Change {
  /** Message ids of ingested notifications. An id that was ingested before is a `conflict`. */
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
  /** Messages to dead-letter, with the error for the person who decides. */
  readonly deadLetters?: readonly {
    readonly message: ServiceRequested | KeystoneActionMessage;
    readonly error: ErrorReport;
  }[];
  /** Waivers of catalog types that no service file covers. The newest waiver of a type applies. */
  readonly waivers?: readonly Waiver[];
  /** Catalog types that have no waiver after this change. */
  readonly removedWaivers?: readonly string[];
  /** A person's decision to stop or resume all destructive work. The newest decision applies. */
  readonly stopDecision?: StopDecision;
  /**
   * Decisions for the audit log, in the same transaction. Each entry contains the hash of the entry
   * before it, so two changes with decisions cannot be written at the same time: one waits for the
   * other, or the engine repeats it. If AWS writes a change in parts, the first part contains the
   * decisions.
   */
  readonly audit?: readonly AuditRecord[];
  /** Records of other modules. An outdated version is a `conflict`. */
  readonly documents?: readonly WrittenDocument[];
  /** Amounts to add, by counter name, for example `notification.dropped.identity.authenticate`. */
  readonly counters?: Readonly<Record<string, number>>;
}

/**
 * The subject of a document.
 * - `suspension`: by project, the state of its resources before a suspension
 * - `hold`: by project, a suspension by an operator
 * - `provision`: by project, the claims of resources to create
 * - `provisioned`: the profile of each provisioned project
 * - `plan`: by plan, the listed resources
 * - `approval`: by plan, the approvals
 * - `drift`: by operation, the resources that it may remove beyond its plan
 * - `deletion-hold`: the projects, domains and resources that must not be deleted
 * - `rate`: by service, the duration of earlier cleanups
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

/** The key of a document. `id` is unique in the partition, and at most 1000 bytes long. */
export interface DocumentKey {
  readonly collection: DocumentCollection;
  readonly partition: string;
  readonly id: string;
}
/** A stored document. `value` is JSON; its module parses it. `version` counts the writes. */
export interface StoredDocument extends DocumentKey {
  readonly version: number;
  readonly value: unknown;
}
/**
 * A document to write. `version` is the version that was read (0: new). A document without `value`
 * is deleted. One change should contain at most 50 documents: otherwise AWS may write some
 * documents before it finds a conflict.
 */
export interface WrittenDocument extends DocumentKey {
  readonly version: number;
  readonly value?: unknown;
}

/** The size of the quarantine. A new record replaces the oldest record of a full quarantine. */
export const MAX_QUARANTINED = 10_000;
