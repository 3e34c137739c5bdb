import type { Outgoing } from '../../events/index.ts';
import type { KeystoneActionMessage } from '../../events/operation.ts';
import type { ServiceRequested } from '../../events/service.ts';
import type { AccountRecord, QuarantineRecord } from '../account/inventory.ts';
import type { AuditRecord } from '../audit/entry.ts';
import type { Operation, Task, Waiver } from '../operation/model.ts';
import type { StopDecision } from '../operation/stop.ts';
import type { ErrorReport } from '../shared/errors.ts';

/**
 * State and the messages that announce it, written as one step. PostgreSQL uses one transaction.
 * AWS first writes the state and then sends the messages, which may repeat. A change that is too
 * big for one DynamoDB transaction is written in parts, and each part is consistent on its own.
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
    readonly message: ServiceRequested | KeystoneActionMessage;
    readonly error: ErrorReport;
  }[];
  /**
   * A person's decisions about catalog types that no service file covers. For each type the newest
   * decision applies.
   */
  readonly waivers?: readonly Waiver[];
  /** Catalog types whose waiver is withdrawn. */
  readonly removedWaivers?: readonly string[];
  /** A person's decision to stop all destructive work, or to resume it. The newest one applies. */
  readonly stopDecision?: StopDecision;
  /**
   * Decisions for the audit log, in the same transaction. The store links each entry to the one
   * before by its hash. Concurrent changes that contain decisions wait for each other, or the
   * engine repeats them. If AWS must write a change in parts, the first part contains the
   * decisions.
   */
  readonly audit?: readonly AuditRecord[];
  /** Records that other modules define. An outdated version is a `conflict`. */
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
 * deleted. One change should contain at most 50 documents: with more, AWS may have written some of
 * them before it finds a conflict.
 */
export interface WrittenDocument extends DocumentKey {
  readonly version: number;
  readonly value?: unknown;
}

/** Beyond this, the oldest records of the quarantine are deleted. */
export const MAX_QUARANTINED = 10_000;
