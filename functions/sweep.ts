import middy from '@middy/core';
import * as z from 'zod';
import { commonDeps } from '../lib/app/lambda/task-deps.ts';
import { type Environment, lazyContext } from '../lib/engine/aws/lambda/context.ts';
import { sweep } from '../lib/handlers/sweep.ts';
import { syncInventory } from '../lib/handlers/sync-inventory.ts';

const MOST_HELD = 1000;

/** The input of the schedule. */
const Asked = z.object({ compare: z.boolean().default(false) });

/**
 * Creates the Lambda handler of the sweep. Every run sends the messages that a failed function left
 * in the outbox, and counts the operations that wait for a person. With `compare` the run also
 * compares the inventory with Keystone's lists, which finds deletions without a notification.
 */
export function sweepFunction(environment: Environment) {
  const open = lazyContext(environment);
  return middy<unknown, void>().handler(async (event: unknown) => {
    const { compare } = Asked.parse(event);
    const lambda = await open();
    const { engine, told, count, flush } = lambda;
    try {
      count({ Repaired: await engine.flushOutbox() });
      await engine.housekeeping();
      const held = await engine.reads.operations({ state: 'held', limit: MOST_HELD });
      count({
        Held: held.length,
        Capped: held.filter(({ hold }) => hold?.about === 'cap' || hold?.about === 'listing')
          .length,
      });
      // The inventory of a new stage is empty, so the first run fills it at once. Without it, the
      // owner of a deleted project is unknown.
      if (!compare && (await engine.reads.accountCount()) > 0) return;
      await engine.pollDeadLetterMetrics();
      const deps = { ...commonDeps(lambda), engine: told };
      // Also lists the members of the projects again, which the sweep does not do.
      await syncInventory(deps);
      const { settings } = lambda;
      await sweep({
        ...deps,
        gracePeriodMillis: settings.PROPAGATOR_GRACE_PERIOD,
        protectedIds: {
          projects: settings.PROPAGATOR_PROTECTED_PROJECTS,
          domains: settings.PROPAGATOR_PROTECTED_DOMAINS,
        },
      });
    } finally {
      flush('sweep');
    }
  });
}
