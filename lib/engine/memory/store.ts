import type { AccountRecord, QuarantineRecord } from '../../account/inventory.ts';
import { type AuditHead, type AuditRow, EMPTY_LOG_HEAD } from '../../audit/entry.ts';
import type { Operation, Task, Waiver } from '../../operation/model.ts';
import type { StopDecision } from '../../operation/stop.ts';
import type { DeadLetter, DeadLetterDecision, DocumentKey, StoredDocument } from '../port.ts';
import { MemoryQueues } from './queues.ts';

/** A dead-letter message, with the body that a redrive returns to the queue. */
export interface StoredDeadLetter {
  readonly deadLetter: DeadLetter;
  readonly body: unknown;
}

/**
 * All data of an engine in memory. The data is lost when the process ends. Several engines may use
 * one store, one after another or at the same time.
 */
export class MemoryStore {
  readonly operations = new Map<string, Operation>();
  readonly tasks = new Map<string, Task>();
  /** By {@link accountKey}. */
  readonly accounts = new Map<string, AccountRecord>();
  /** The oldest first. */
  readonly quarantineRecords: QuarantineRecord[] = [];
  readonly waivers = new Map<string, Waiver>();
  /** By {@link documentKey}. */
  readonly documents = new Map<string, StoredDocument>();
  /** Ids of ingested notifications, with the time in epoch milliseconds; the oldest first. */
  readonly seenTimesById = new Map<string, number>();
  readonly counters = new Map<string, number>();
  /** The newest first. */
  readonly decisions: DeadLetterDecision[] = [];
  /** The newest first. */
  readonly stopDecisions: StopDecision[] = [];
  /** The audit log, in its order. */
  readonly audit: AuditRow[] = [];
  auditHead: AuditHead = EMPTY_LOG_HEAD;
  /** The dead-letter messages of all queues, the oldest first. */
  readonly deadLetters: StoredDeadLetter[] = [];
  readonly queues = new MemoryQueues();
}

export const documentKey = ({ collection, partition, id }: DocumentKey): string =>
  JSON.stringify([collection, partition, id]);
export const accountKey = (type: string, id: string): string => `${type}/${id}`;
