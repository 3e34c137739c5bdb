import type { OperationId } from '../../events/ids.ts';
import type { Message } from '../../events/index.ts';
import type { Engine, StepRecords } from '../engine/port.ts';
import type { Operation } from '../operation/model.ts';
import { type StepEvent, step } from '../operation/step.ts';
import type { StepInput, StepResult } from '../operation/transaction.ts';
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
 * Lock conflicts rarely repeat. After this number of conflicts the functions throw, and the engine
 * delivers the message again later.
 */
const MAX_CONFLICTS = 20;
const HOUR_MILLIS = 3_600_000;

/**
 * Reads the data of an event from the store. The data are read again after each lock conflict.
 */
export type StoredInput = (operation: Operation) => Promise<StepEvent>;

/**
 * Obtains an event outside of the operation's queue: asks Keystone about the account, carries out a
 * change in Keystone, or reads the progress of a domain's deletion.
 */
export interface KeystoneInput {
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
  decide: () => Promise<StepResult | undefined>,
  { engine }: Pick<ChangeDeps, 'engine'>,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const stepResult = await decide();
    if (!stepResult || (await engine.commit(stepResult)) === 'committed') return;
    if (tries >= MAX_CONFLICTS) throw changedTooOften(message);
  }
}

const changedTooOften = ({ type }: Message): Error =>
  new Error(`${type}: other processes changed the operation during ${MAX_CONFLICTS} attempts`);

/** An event from Keystone with its key, and when it arrived in epoch milliseconds. */
interface ObtainedEvent {
  readonly key: string;
  readonly event: StepEvent;
  readonly at: number;
}

/**
 * Changes an operation by the event of a message, and commits the result. `source` supplies the
 * data of the event.
 */
export function changeOperation(
  message: Message,
  id: OperationId,
  source: StoredInput | KeystoneInput,
  deps: ChangeDeps,
): Promise<void> {
  return typeof source === 'function'
    ? changeFromStore(message, id, source, deps)
    : changeByAnswer(message, id, source, deps);
}

function changeFromStore(
  message: Message,
  id: OperationId,
  readEvent: StoredInput,
  deps: ChangeDeps,
): Promise<void> {
  const decide = async () => {
    const records = await readRecords(id, deps.now(), deps);
    return records && nextStep(records, await readEvent(records.operation), deps.now(), deps);
  };
  return inQueueOfOperation(id, deps, () => commitWithRetries(message, decide, deps));
}

/**
 * Asks Keystone and applies the answer. Keystone is asked outside of the operation's queue, so that
 * a slow Keystone does not delay reports of services. After a lock conflict the same answer is
 * applied again. If its key has changed in the meantime, Keystone is asked again.
 */
async function changeByAnswer(
  message: Message,
  id: OperationId,
  source: KeystoneInput,
  deps: ChangeDeps,
): Promise<void> {
  for (let questions = 1; ; questions += 1) {
    const answer = await askAboutOperation(id, source, deps);
    if (!answer) return;
    let isOutdated = false;
    const decide = async () => {
      const records = await readRecords(id, answer.at, deps);
      isOutdated = records !== undefined && source.keyOf(records.operation) !== answer.key;
      // A confirmation has the time of Keystone's answer. The commit may be later.
      return records && !isOutdated ? nextStep(records, answer.event, answer.at, deps) : undefined;
    };
    await inQueueOfOperation(id, deps, () => commitWithRetries(message, decide, deps));
    if (!isOutdated) return;
    if (questions >= MAX_CONFLICTS) throw changedTooOften(message);
  }
}

/** Runs `work` after the earlier work of this process on the same operation. */
const inQueueOfOperation = (
  id: OperationId,
  { operationQueue }: ChangeDeps,
  work: () => Promise<void>,
): Promise<void> => operationQueue?.run(id, work) ?? work();

async function askAboutOperation(
  id: OperationId,
  { obtainEvent, keyOf }: KeystoneInput,
  { engine, now }: ChangeDeps,
): Promise<ObtainedEvent | undefined> {
  const operation = await engine.reads.operation(id);
  const event = operation && (await obtainEvent(operation));
  return operation && event && { key: keyOf(operation), event, at: now() };
}

const readRecords = (
  id: OperationId,
  now: number,
  { engine: { reads } }: ChangeDeps,
): Promise<StepRecords | undefined> =>
  reads.stepRecords(id, { startedSince: now - HOUR_MILLIS, documents: RESOURCE_HOLDS });

/** Returns the changes that follow from an event at the time `now`. Commits nothing. */
function nextStep(
  { operation, tasks, startedCount, waivers, documents }: StepRecords,
  event: StepEvent,
  now: number,
  { limits }: ChangeDeps,
): StepResult | undefined {
  return step(operation, tasks, event, {
    ...limits,
    now,
    startedLastHour: startedCount,
    waivers,
    heldTypes: operation.action === 'cleanup' ? heldTypesOf(documents, now) : [],
  });
}
