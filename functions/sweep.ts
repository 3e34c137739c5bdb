import middy from '@middy/core';
import * as z from 'zod';
import { commonDeps } from '../lib/app/lambda/task-deps.ts';
import { type Environment, lazyContext } from '../lib/engine/aws/lambda/context.ts';
import { syncInventory } from '../lib/handlers/sync-inventory.ts';

const MOST_HELD = 1000;

/** What the schedule asks for. */
const Asked = z.object({ compare: z.boolean().default(false) });

/**
 * On a schedule: sends what a function that died had left unsent, and counts what waits for a
 * person. Less often it compares the inventory with Keystone's lists: a deletion that nobody
 * announced is found here.
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
      count({ Held: held.length, Capped: held.filter(({ hold }) => hold?.about === 'cap').length });
      // Of a new stage nobody knows whose project it was that is deleted: its inventory is not
      // waited for.
      if (!compare && (await engine.reads.accountCount()) > 0) return;
      await engine.pollDeadLetterMetrics();
      await syncInventory({ ...commonDeps(lambda), engine: told }, { announce: true });
    } finally {
      flush('sweep');
    }
  });
}
