import { hasEnded } from './ended.ts';
import type { Mode, Operation, Scope } from './model.ts';
import { openCleanup } from './open-cleanup.ts';
import type { RequestAnswer } from './request.ts';

/** The input of {@link openRerun}: a person runs an ended operation again. */
export interface RerunInput {
  readonly earlierOperation: Operation;
  /** The account, as it is known now. */
  readonly scope: Scope;
  /** All cleanups of the account, newest first. */
  readonly cleanups: readonly Operation[];
  readonly by: string;
  readonly reason: string;
  readonly mode: Mode;
  readonly now: number;
  readonly protectedBecause: string | undefined;
}

/**
 * Opens a new operation about the same account. The earlier operation may have any end state
 * (safety rule "Every ended operation can be run again"). Keystone must confirm the new operation
 * with a 404 for the account. Returns a refusal with its reason if the operation must not begin.
 */
export function openRerun(input: RerunInput): RequestAnswer {
  const { earlierOperation, cleanups, by, reason, now } = input;
  const refusal = whyNotRerun(earlierOperation, cleanups, input.protectedBecause);
  if (refusal !== undefined) return { kind: 'refused', because: refusal };
  const opened = openCleanup({
    scope: input.scope,
    cause: {
      messageId: `rerun/${earlierOperation.id}/${(cleanups[0]?.generation ?? 0) + 1}`,
      eventType: 'rerun',
      at: now,
      note: `${by}: ${reason}`,
    },
    cleanups,
    mode: input.mode,
    now,
    // The deletion is old, and a person requests the rerun, so no grace period is needed.
    gracePeriodMillis: 0,
    protectedBecause: undefined,
    rerun: { of: earlierOperation.id, by, reason, at: now },
  });
  return opened
    ? { kind: 'opened', opened, unknown: [] }
    : { kind: 'refused', because: `${earlierOperation.id} is being run again already` };
}

/** Returns why an operation cannot be run again now, or `undefined` if it can. */
export function whyNotRerun(
  earlierOperation: Operation,
  cleanups: readonly Operation[],
  protectedBecause: string | undefined,
): string | undefined {
  const openOperation = cleanups.find((operation) => !hasEnded(operation));
  if (openOperation?.id === earlierOperation.id)
    return (
      `${earlierOperation.id} has not ended: it is ${earlierOperation.state}. Only an operation ` +
      `that has ended can be run again; see: propagator operation show ${earlierOperation.id}`
    );
  if (openOperation)
    return (
      `another operation about the same ${earlierOperation.scope.type} has not ended: ` +
      `${openOperation.id} is ${openOperation.state}. See: propagator operation show ` +
      openOperation.id
    );
  return protectedBecause === undefined ? undefined : `it is protected: ${protectedBecause}`;
}
