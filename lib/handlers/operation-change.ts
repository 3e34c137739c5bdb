import type { OperationId } from '../../events/ids.ts';
import type { Message } from '../../events/index.ts';
import type { Engine } from '../engine/port.ts';
import type { Operation } from '../operation/model.ts';
import { type StepEvent, step } from '../operation/step.ts';
import type { Step, StepInput } from '../operation/transaction.ts';
import type { KeyedQueue } from '../shared/keyed-queue.ts';
import { heldTypesOf } from './deletion-holds.ts';

/** The dependencies of {@link changeOperation}. */
export interface ChangeDeps {
  readonly engine: Pick<Engine, 'reads' | 'commit'>;
  readonly limits: Omit<StepInput, 'now' | 'startedLastHour' | 'waivers' | 'heldTypes'>;
  /**
   * Shared by all workers of the process. The queue handles messages about one operation one after
   * another, which avoids lock conflicts.
   */
  readonly operationQueue?: KeyedQueue;
  now(): number;
}

/**
 * Lock conflicts rarely repeat. After this number of conflicts the functions throw, and the engine
 * delivers the message again later.
 */
const MAX_CONFLICTS = 20;
const HOUR = 3_600_000;

/**
 * An event whose data are in the store. The data are read before each decision, and again after a
 * conflict.
 */
export type StoredInput = (operation: Operation) => Promise<StepEvent>;

/**
 * An event with an answer of Keystone. After a conflict Keystone is asked again only if the
 * question has changed.
 */
export interface KeystoneInput {
  ask(operation: Operation): Promise<StepEvent | undefined>;
  /**
   * Returns a key. If two states of the operation have the same key, the same answer applies to the
   * two states.
   */
  questionOf(operation: Operation): string;
}

/**
 * Decides and commits. Repeats the decision and the commit if another process has changed the
 * operation.
 */
export async function commitDecided(
  message: Message,
  decide: () => Promise<Step | undefined>,
  { engine }: Pick<ChangeDeps, 'engine'>,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const decided = await decide();
    if (!decided || (await engine.commit(decided)) === 'committed') return;
    if (tries >= MAX_CONFLICTS) throw changedTooOften(message);
  }
}

const changedTooOften = ({ type }: Message): Error =>
  new Error(`${type}: other processes changed the operation during ${MAX_CONFLICTS} attempts`);

/** An answer of Keystone, and when it arrived in epoch milliseconds. */
interface Answer {
  readonly question: string;
  readonly input: StepEvent;
  readonly at: number;
}

/**
 * Applies one event to an operation. Keystone is asked outside of the operation's queue, so that a
 * slow Keystone does not delay reports of services. After a conflict the same answer is used, if
 * the question is still the same.
 */
export async function changeOperation(
  message: Message,
  id: OperationId,
  source: StoredInput | KeystoneInput,
  deps: ChangeDeps,
): Promise<void> {
  const inOrder = (work: () => Promise<void>) => deps.operationQueue?.run(id, work) ?? work();
  if (typeof source === 'function') {
    const decide = async () => {
      const operation = await deps.engine.reads.operation(id);
      return operation && decided(operation, await source(operation), deps.now(), deps);
    };
    return inOrder(() => commitDecided(message, decide, deps));
  }
  for (let questions = 1; ; questions += 1) {
    const answer = await answerAbout(id, source, deps);
    if (!answer) return;
    let isStale = false;
    await inOrder(() =>
      commitDecided(
        message,
        async () => {
          const operation = await deps.engine.reads.operation(id);
          isStale = operation !== undefined && source.questionOf(operation) !== answer.question;
          // A confirmation has the time of Keystone's answer. The commit may be later.
          return operation && !isStale
            ? decided(operation, answer.input, answer.at, deps)
            : undefined;
        },
        deps,
      ),
    );
    if (!isStale) return;
    if (questions >= MAX_CONFLICTS) throw changedTooOften(message);
  }
}

async function answerAbout(
  id: OperationId,
  { ask, questionOf }: KeystoneInput,
  { engine, now }: ChangeDeps,
): Promise<Answer | undefined> {
  const operation = await engine.reads.operation(id);
  const input = operation && (await ask(operation));
  return operation && input && { question: questionOf(operation), input, at: now() };
}

async function decided(
  operation: Operation,
  input: StepEvent,
  now: number,
  { engine: { reads }, limits }: ChangeDeps,
): Promise<Step | undefined> {
  const [tasks, startedLastHour, waivers, heldTypes] = await Promise.all([
    reads.tasks(operation.id),
    reads.countStartedSince(now - HOUR, operation.scope.type, operation.action),
    reads.coverageWaivers(),
    operation.action === 'cleanup' ? heldTypesOf(reads, now) : [],
  ]);
  const stepInput = { ...limits, now, startedLastHour, waivers, heldTypes };
  return step(operation, tasks, input, stepInput);
}
