import * as z from 'zod';
import type { InvocationContext, LambdaContext } from '../../engine/aws/lambda/context.ts';
import { readSuspensionHolds } from '../../handlers/suspension-holds.ts';
import { sweepAccounts } from '../../handlers/sweep.ts';
import { syncInventory } from '../../handlers/sync-inventory.ts';
import type { Policy } from '../../policy/schema.ts';
import { recordPolicy } from '../policy-audit.ts';
import { protectedIdsOf } from '../settings-deps.ts';
import { commonDeps } from './task-deps.ts';

const MAX_COUNTED_OPERATIONS = 1000;

/** The input that a schedule passes to the function: see {@link runScheduledSweep}. */
export const ScheduleInput = z.object({ compare: z.boolean().default(false) });

/**
 * Sends the messages that a failed function left in the outbox, and counts the operations that wait
 * for an operator. With `compare`, or while the inventory is empty, the function also compares the
 * inventory with Keystone's lists, and announces each change for which no notification arrived.
 */
export async function runScheduledSweep(
  event: unknown,
  context: unknown,
  policy: Policy,
): Promise<void> {
  const { compare } = event as z.infer<typeof ScheduleInput>;
  const { propagator } = context as InvocationContext;
  const { engine, settings } = propagator;
  propagator.countMetrics({ Repaired: await engine.flushOutbox() });
  await engine.housekeeping();
  await recordPolicyOnce(propagator, policy);
  await countWaitingForOperator(propagator);
  // The inventory of a new stage is empty, so the first sweep fills it immediately. Without the
  // inventory, the name, domain and members of a deleted project are unknown.
  if (!compare && (await engine.reads.accountCount()) > 0) return;
  await engine.keepDeadLetterMetrics();
  const deps = commonDeps(propagator);
  // The sweep does not update the members of known projects, so this call lists all members.
  await syncInventory(deps);
  await sweepAccounts({
    ...deps,
    gracePeriodMillis: settings.PROPAGATOR_GRACE_PERIOD,
    policy,
    protectedIds: protectedIdsOf(settings),
  });
}

/** Counts the operations and accounts that wait for an operator, for the alarms. */
async function countWaitingForOperator({ engine, countMetrics }: LambdaContext): Promise<void> {
  const { total: suspicious } = await engine.reads.suspicions(1);
  const heldOperations = await engine.reads.operations({
    state: 'held',
    limit: MAX_COUNTED_OPERATIONS,
  });
  const isCapped = (about: string | undefined): boolean => about === 'cap' || about === 'listing';
  const cappedOperations = heldOperations.filter(({ hold }) => isCapped(hold?.about));
  const suspensionHolds = await readSuspensionHolds(engine.reads);
  countMetrics({
    Held: heldOperations.length,
    Capped: cappedOperations.length,
    Suspicious: suspicious,
    EnabledDuringHold: suspensionHolds.filter(({ enabledAt }) => enabledAt !== undefined).length,
  });
}

/** The contexts for which this process has recorded the policy. */
const contextsWithRecordedPolicy = new WeakSet<LambdaContext>();

/** Records the policy of the stack once per process. After a failure the next sweep retries. */
async function recordPolicyOnce(propagator: LambdaContext, policy: Policy): Promise<void> {
  if (contextsWithRecordedPolicy.has(propagator)) return;
  await recordPolicy(policy, { engine: propagator.engine, now: Date.now });
  contextsWithRecordedPolicy.add(propagator);
}
