import type { OperationId } from '../../events/ids.ts';
import type { Message } from '../../events/index.ts';
import type { Engine, StepRecords } from '../engine/port.ts';
import type { Operation } from '../operation/model.ts';
import { type StepEvent, step } from '../operation/step.ts';
import type { StepChanges, StepInput } from '../operation/transaction.ts';
import type { KeyedQueue } from '../shared/keyed-queue.ts';
import { heldTypesOf, RESOURCE_HOLDS } from './deletion-holds.ts';

/** The dependencies of {@link changeOperation}. */
export interface ChangeDeps {
  readonly engine: Pick<Engine, 'reads' | 'commit'>;
  readonly limits: Omit<StepInput, 'now' | 'startedLastHour' | 'waivers' | 'heldTypes'>;
  /**
   * All workers of the process share this queue. The queue handles the messages about one operation
   * one after another, which avoids lock conflicts.
   */
  readonly operationQueue?: KeyedQueue;
  now(): number;
}

/**
 * Lock conflicts rarely repeat. After this number of conflicts the functions of this file throw,
 * and the engine delivers the message again later.
 */
const MAX_CONFLICTS = 20;
const HOUR_MILLIS = 3_600_000;

/** Returns an event that contains data from the store. Called again after each lock conflict. */
export type StoredEventSource = (operation: Operation) => Promise<StepEvent>;

/**
 * Obtains an event: asks Keystone about the account, carries out a change in Keystone, or reads the
 * progress of a domain's deletion. The call may be slow. It is therefore made outside of the
 * {@link ChangeDeps.operationQueue}, and does not delay other messages about the operation.
 */
export interface KeystoneEventSource {
  /** After a lock conflict, this function is called again only if the key has changed. */
  obtainEvent(operation: Operation): Promise<StepEvent | undefined>;
  /** Returns a key. The event also applies to a later state of the operation with the same key. */
  keyOf(operation: Operation): string;
}

/**
 * Calls `decide` and commits the step that it returns. Repeats both calls if another process has
 * changed the operation in the meantime.
 */
export async function commitWithRetries(
  message: Message,
  decide: () => Promise<StepChanges | undefined>,
  { engine }: Pick<ChangeDeps, 'engine'>,
): Promise<void> {
  for (let attempts = 1; ; attempts += 1) {
    const stepResult = await decide();
    if (!stepResult || (await engine.commit(stepResult)) === 'committed') return;
    if (attempts >= MAX_CONFLICTS) throw tooManyConflictsError(message);
  }
}

const tooManyConflictsError = ({ type }: Message): Error =>
  new Error(`${type}: other processes changed the operation during ${MAX_CONFLICTS} attempts`);

/** The event of a {@link KeystoneEventSource}, with its key. */
interface ObtainedEvent {
  readonly key: string;
  readonly event: StepEvent;
  /** Epoch milliseconds when Keystone answered. */
  readonly answeredAt: number;
}

/**
 * Changes an operation by the event of a message, and commits the result. `source` returns the
 * event.
 */
export function changeOperation(
  message: Message,
  id: OperationId,
  source: StoredEventSource | KeystoneEventSource,
  deps: ChangeDeps,
): Promise<void> {
  return typeof source === 'function'
    ? changeByStoredEvent(message, id, source, deps)
    : changeByObtainedEvent(message, id, source, deps);
}

function changeByStoredEvent(
  message: Message,
  id: OperationId,
  readEvent: StoredEventSource,
  deps: ChangeDeps,
): Promise<void> {
  const decide = async () => {
    const records = await readRecords(id, deps.now(), deps);
    return records && nextStep(records, await readEvent(records.operation), deps.now(), deps);
  };
  return inQueueOfOperation(id, deps, () => commitWithRetries(message, decide, deps));
}

/**
 * Obtains an event and applies it to the operation. After a lock conflict the same event is applied
 * again, if the operation still has the key of the event. Otherwise a new event is obtained.
 */
async function changeByObtainedEvent(
  message: Message,
  id: OperationId,
  source: KeystoneEventSource,
  deps: ChangeDeps,
): Promise<void> {
  for (let attempts = 1; ; attempts += 1) {
    const obtainedEvent = await obtainEvent(id, source, deps);
    if (!obtainedEvent) return;
    let isOutdated = false;
    const decide = async () => {
      const records = await readRecords(id, obtainedEvent.answeredAt, deps);
      isOutdated = records !== undefined && source.keyOf(records.operation) !== obtainedEvent.key;
      // A confirmation has the time of Keystone's answer. The commit may be later.
      return records && !isOutdated
        ? nextStep(records, obtainedEvent.event, obtainedEvent.answeredAt, deps)
        : undefined;
    };
    await inQueueOfOperation(id, deps, () => commitWithRetries(message, decide, deps));
    if (!isOutdated) return;
    if (attempts >= MAX_CONFLICTS) throw tooManyConflictsError(message);
  }
}

/** Runs `work` after the earlier work of this process on the same operation. */
const inQueueOfOperation = (
  id: OperationId,
  { operationQueue }: ChangeDeps,
  work: () => Promise<void>,
): Promise<void> => operationQueue?.run(id, work) ?? work();

async function obtainEvent(
  id: OperationId,
  source: KeystoneEventSource,
  { engine, now }: ChangeDeps,
): Promise<ObtainedEvent | undefined> {
  const operation = await engine.reads.operation(id);
  const event = operation && (await source.obtainEvent(operation));
  return operation && event && { key: source.keyOf(operation), event, answeredAt: now() };
}

const readRecords = (
  id: OperationId,
  now: number,
  { engine: { reads } }: ChangeDeps,
): Promise<StepRecords | undefined> =>
  reads.stepRecords(id, { startedSince: now - HOUR_MILLIS, documentPartition: RESOURCE_HOLDS });

/** Returns the changes that follow from an event at the time `now`. Commits nothing. */
function nextStep(
  { operation, tasks, startedCount, waivers, documents }: StepRecords,
  event: StepEvent,
  now: number,
  { limits }: ChangeDeps,
): StepChanges | undefined {
  return step(operation, tasks, event, {
    ...limits,
    now,
    startedLastHour: startedCount,
    waivers,
    heldTypes: operation.action === 'cleanup' ? heldTypesOf(documents, now) : [],
  });
}
