import type { AccountEvent } from '../../events/account.ts';
import type { Engine } from '../engine/port.ts';
import type { Cloud } from '../openstack/cloud.ts';
import { confirmMessage } from '../operation/confirm-again.ts';
import { awaitsConfirmation } from '../operation/confirmation.ts';
import { askAgainMessages } from '../operation/lifecycle.ts';
import type { Mode, Operation } from '../operation/model.ts';
import { openCleanup } from '../operation/open-cleanup.ts';
import { cleanupsOf, suspendsAndResumesOf } from '../operation/operation-history.ts';
import { lastCallDelayMillis, pausedProvisions, provisionsOf } from '../operation/provision.ts';
import type { KnownServices } from '../operation/snapshot.ts';
import type { StepEvent } from '../operation/step.ts';
import type { StepChanges } from '../operation/transaction.ts';
import type { Policy } from '../policy/schema.ts';
import { reportOf } from '../shared/errors.ts';
import { type Protection, protectedBecause } from '../task/safety-rules.ts';
import { readHistory } from './account-history.ts';
import { askKeystoneForCleanup } from './cleanup-answer.ts';
import { cleanupDecision } from './cleanup-policy.ts';

/** The dependencies of the coordinator for cleanups and plans. */
export interface CleanupDeps extends KnownServices {
  readonly engine: Pick<Engine, 'reads'>;
  readonly cloud: Pick<Cloud, 'keystone' | 'projectAdmin' | 'registry'>;
  readonly mode: Mode;
  readonly gracePeriodMillis: number;
  /** The policy file. If there is none, the settings alone decide about cleanups. */
  readonly policy?: Policy;
  /** The accounts that the settings protect. */
  readonly protectedIds: Pick<Protection, 'projects' | 'domains'>;
  /**
   * Returns the protected accounts, including the propagator's own project. Throws while Keystone
   * does not answer.
   */
  readonly protection: () => Promise<Protection>;
  now(): number;
}

/**
 * Returns the step that opens a cleanup after the deletion of an account was announced. If an
 * administrator requested the deletion, a cleanup is already open. The step then lets this cleanup
 * ask Keystone about the account again. Returns `undefined` when the announcement has no effect.
 */
export async function openCleanupForDeletion(
  event: AccountEvent,
  deps: CleanupDeps,
): Promise<StepChanges | undefined> {
  const { account, cause } = event.data;
  const { reads } = deps.engine;
  const { record, operations, scope } = await readHistory(account, reads);
  const cleanups = cleanupsOf(operations);
  const now = deps.now();
  const decision = await cleanupDecision(account, record, deps);
  const opened = openCleanup({
    scope,
    cause,
    cleanups,
    mode: decision.mode,
    now,
    gracePeriodMillis: Math.max(decision.gracePeriodMillis, lastCallDelayMillis(operations)),
    rule: decision.rule,
    // The propagator's own project is not known here. The protection of this project is checked
    // when Keystone confirms the deletion.
    protectedBecause:
      protectedBecause(scope, { ...deps.protectedIds, ownProject: '' }) ?? decision.refusedBecause,
    deletionTimes: { announcedAt: cause.at, seenAliveAt: record?.seenAt },
  });
  if (!opened) return askAgainStep(cleanups);
  const operationsToAskAgain = [...suspendsAndResumesOf(operations), ...provisionsOf(operations)];
  return {
    operations: [opened.operation, ...pausedProvisions(operations, now)],
    tasks: [],
    messages: [...opened.messages, ...askAgainMessages(operationsToAskAgain)],
    deadLetters: [],
  };
}

/** Returns the step that lets a requested cleanup ask Keystone about its account again. */
function askAgainStep(cleanups: readonly Operation[]): StepChanges | undefined {
  const requestedCleanup = cleanups.find(
    (operation) =>
      operation.state !== 'confirming' && awaitsConfirmation(operation, operation.confirmation),
  );
  if (!requestedCleanup) return undefined;
  return {
    operations: [],
    tasks: [],
    messages: [confirmMessage(requestedCleanup)],
    deadLetters: [],
  };
}

/**
 * Asks Keystone whether the account is in the state that the cleanup or plan requires. Each
 * operation numbers its questions to Keystone. Returns `undefined` if the operation no longer waits
 * for the answer to question `questionNumber`.
 */
export async function cleanupConfirmation(
  operation: Operation,
  questionNumber: number,
  deps: CleanupDeps,
): Promise<StepEvent | undefined> {
  if (!awaitsConfirmation(operation, questionNumber)) return undefined;
  const answer = await askKeystoneForCleanup(operation, deps).catch((thrown: unknown) => ({
    keystoneAnswer: {
      kind: 'unknown' as const,
      error: reportOf(thrown, { code: 'keystone.show', service: 'keystone' }),
    },
  }));
  return { kind: 'confirmation', questionNumber, ...answer };
}
