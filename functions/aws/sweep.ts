import middy from '@middy/core';
import * as z from 'zod';
import { type Environment, warmOnce } from '../../lib/engine/aws/function/warm.ts';
import { fill } from '../fill.ts';
import { commonPorts } from './pass-ports.ts';

const MOST_HELD = 1000;

/** What the schedule asks for. */
const Asked = z.object({ compare: z.boolean().default(false) });

/**
 * On a schedule: sends what a function that died had left unsent, and counts what waits for a person. Less often it compares the inventory
 * with Keystone's lists: a deletion that nobody announced is found here.
 */
export function sweepFunction(environment: Environment) {
  const open = warmOnce(environment);
  return middy<unknown, void>().handler(async (event: unknown) => {
    const { compare } = Asked.parse(event);
    const warm = await open();
    const { engine, told, count, flush } = warm;
    try {
      count({ Repaired: await engine.repair() });
      await engine.tidy();
      const held = await engine.reads.operations({ state: 'held', limit: MOST_HELD });
      count({ Held: held.length, Capped: held.filter(({ hold }) => hold?.about === 'cap').length });
      // Of a new stage nobody knows whose project it was that is deleted: its inventory is not waited for.
      if (!compare && (await engine.reads.accountCount()) > 0) return;
      await engine.rouse();
      await fill({ ...commonPorts(warm), engine: told }, { announce: true });
    } finally {
      flush('sweep');
    }
  });
}
