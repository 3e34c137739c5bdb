import { createHash } from 'node:crypto';

/** The decisions that the audit log records. */
export const AUDITED_DECISIONS = [
  'operation.requested',
  'operation.rerun',
  'operation.released',
  'operation.approved',
  'operation.canceled',
  'plan.requested',
  'project.suspended',
  'project.resumed',
  'project.provisioned',
  'hold.added',
  'hold.removed',
  'hold.contradicted',
  'dead-letters.redriven',
  'dead-letters.discarded',
  'waiver.added',
  'waiver.removed',
  'suspicious.released',
  'suspicious.dropped',
  'work.stopped',
  'work.resumed',
  'policy.changed',
] as const;
export type AuditedDecision = (typeof AUDITED_DECISIONS)[number];

/**
 * The authenticated caller that made a decision. `token`: the owner of an API token. `aws`: the ARN
 * of an IAM principal. `keystone`: a user of Keystone, with its id. `process`: the propagator
 * itself at its start.
 */
export interface AuditCaller {
  readonly kind: 'token' | 'aws' | 'keystone' | 'process';
  readonly name: string;
  /** The id of a Keystone user. */
  readonly id?: string | undefined;
}

/** The origin of a decision: the caller, its address, and the request id of the API. */
export interface AuditOrigin {
  readonly by: AuditCaller;
  /** The network address of the caller, if the request had one. */
  readonly from?: string | undefined;
  readonly requestId?: string | undefined;
}

/** The target of a decision, for example `{ type: 'operation', id: 'op-…' }`. */
export interface AuditTarget {
  readonly type: string;
  readonly id: string;
  readonly name?: string | undefined;
  /** The ids of the operations that the target belongs to. */
  readonly operations?: readonly string[] | undefined;
}

/**
 * One decision, before it is added to the log. `before` and `after`: the state of the target before
 * and after the decision, as JSON.
 */
export interface AuditRecord extends AuditOrigin {
  readonly id: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly what: AuditedDecision;
  readonly target: AuditTarget;
  readonly reason?: string | undefined;
  readonly before?: unknown;
  readonly after?: unknown;
}

/**
 * An entry of the log. `sequence` counts from 1 without gaps. `hash` is the SHA-256 over all other
 * fields, in hexadecimal. `previous` is the hash of the preceding entry.
 */
export interface AuditEntry extends AuditRecord {
  readonly sequence: number;
  readonly previous: string;
  readonly hash: string;
}

/** The newest entry, which the store keeps in a separate row. */
export interface AuditHead {
  readonly sequence: number;
  readonly hash: string;
}

/** The head of an empty log. */
export const EMPTY_LOG_HEAD: AuditHead = { sequence: 0, hash: '0'.repeat(64) };

/** A row as it is stored. `entry` may have any form: somebody may have changed the row. */
export interface AuditRow {
  readonly sequence: number;
  readonly entry: unknown;
}

/** Converts the records to the next entries of a log whose newest entry is `head`. */
export function chainEntries(head: AuditHead, records: readonly AuditRecord[]): AuditEntry[] {
  let { sequence, hash: previous } = head;
  return records.map((record) => {
    sequence += 1;
    const entryWithoutHash = { ...record, sequence, previous };
    const hash = hashOf(entryWithoutHash);
    previous = hash;
    return { ...entryWithoutHash, hash };
  });
}

/** Returns the head of the log after these entries were added. */
export const headAfter = (head: AuditHead, entries: readonly AuditEntry[]): AuditHead => {
  const last = entries.at(-1);
  return last ? { sequence: last.sequence, hash: last.hash } : head;
};

/** Returns the SHA-256 hash of all fields of an entry except `hash`, as JSON with sorted keys. */
export function hashOf(entry: object): string {
  const { hash: _, ...hashedFields } = entry as { readonly hash?: unknown };
  return createHash('sha256').update(canonicalJson(hashedFields)).digest('hex');
}

/** Returns JSON with sorted keys at every level, because stores may change the order of keys. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(
          Object.entries(inner).toSorted(([one], [other]) => (one < other ? -1 : 1)),
        )
      : inner,
  );
}
