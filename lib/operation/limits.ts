import { totalCounts } from './counts.ts';
import { excessDriftReason } from './drift.ts';
import type { Hold, Operation } from './model.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/**
 * Holds the operation until a person releases it. `advice`: what the person must do before the
 * release.
 */
export function holdOperation(
  transaction: OperationTransaction,
  reason: string,
  now: number,
  { about = 'cap', advice: adviceBefore }: { about?: Hold['about']; advice?: string } = {},
): void {
  const releaseCommand = `propagator operation release ${transaction.operation.id} --reason "…"`;
  const advice =
    adviceBefore === undefined
      ? `Check the operation, then release it: ${releaseCommand}`
      : `${adviceBefore} Then: ${releaseCommand}`;
  transaction.operation = {
    ...moveOperation(transaction.operation, 'held'),
    hold: { reason, since: now, advice, about },
  };
}

/**
 * A released operation ignores the caps, because a person has checked the operation. A resume and a
 * provision also ignore the caps, because they remove nothing and a customer waits for the result.
 */
const mayExceedCaps = (operation: Operation): boolean =>
  operation.released !== undefined ||
  operation.action === 'resume' ||
  operation.action === 'provision';

/**
 * Holds an operation that would start although the cap on operations per hour is reached. Returns
 * true if the operation is now held.
 */
export function holdAtHourlyCap(transaction: OperationTransaction, step: StepInput): boolean {
  const { operation } = transaction;
  // The cap does not apply to a suspicious deletion, because a person has released this deletion.
  const isExempt = mayExceedCaps(operation) || operation.cause.suspicious === true;
  if (isExempt || step.startedLastHour < step.maxOperationsPerHour) return false;
  holdOperation(
    transaction,
    `${step.startedLastHour} operations have started within the last hour, and the cap ` +
      `is ${step.maxOperationsPerHour}`,
    step.now,
  );
  return true;
}

/**
 * Holds an operation that has more resources than the cap or its approved plan allows. Returns true
 * if the operation is now held.
 */
export function holdAtResourceLimit(transaction: OperationTransaction, step: StepInput): boolean {
  const { plan, scope, startedAt } = transaction.operation;
  const driftReason = excessDriftReason(transaction.operation, transaction.tasks);
  if (driftReason !== undefined) {
    const replanAdvice =
      startedAt === undefined
        ? ` If not, plan again (propagator project plan ${scope.id}): the approval of that plan ` +
          'replaces this operation.'
        : '';
    const advice =
      `Compare the plan (propagator operation show ${plan?.of}) with the project. ` +
      `To remove also the resources that appeared, release the operation.${replanAdvice}`;
    holdOperation(transaction, driftReason, step.now, { about: 'drift', advice });
    return true;
  }
  const capReason = exceededCapReason(transaction, step);
  if (capReason === undefined) return false;
  holdOperation(transaction, capReason, step.now);
  return true;
}

function exceededCapReason(transaction: OperationTransaction, step: StepInput): string | undefined {
  const foundCount = transaction.tasks.reduce(
    (sum, task) => sum + totalCounts(task.counts).found,
    0,
  );
  if (mayExceedCaps(transaction.operation) || foundCount <= step.maxResourcesPerOperation)
    return undefined;
  return `the account has ${foundCount} resources, and the cap is ${step.maxResourcesPerOperation}`;
}
