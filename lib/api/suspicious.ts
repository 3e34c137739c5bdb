import type { Hono } from 'hono';
import * as z from 'zod';
import { Account } from '../../events/account.ts';
import type { AccountRecord } from '../account/inventory.ts';
import { dropped, newestSuspicions, released } from '../account/suspicion.ts';
import type { Reads } from '../engine/port.ts';
import { callerOf } from './authentication.ts';
import { notBy, readJson, typedText } from './body.ts';
import type { ApiDeps } from './deps.ts';

/** Limit of decisions per call; a further call takes the next ones. */
const MAX_AT_ONCE = 1000;

const Limit = z.coerce.number().int().min(1).max(1000).default(100);
const name = z.object({ type: z.enum(['project', 'domain', 'user']), id: z.string().min(1) });
const Decision = z
  .strictObject({
    by: notBy,
    reason: typedText(1000),
    accounts: z.array(name).max(MAX_AT_ONCE).optional(),
    all: z.literal(true).optional(),
  })
  .refine(({ accounts, all }) => (accounts === undefined) !== (all === undefined), {
    path: ['accounts'],
    message: 'send accounts, or "all": true',
  });

/** Routes that list, release and drop deletions of accounts that were never seen alive. */
export function suspiciousRoutes(app: Hono, { engine, now }: ApiDeps): void {
  app.get('/v1/suspicious', async (context) =>
    context.json(await engine.reads.suspicions(Limit.parse(context.req.query('limit')))),
  );
  app.post('/v1/suspicious/release', async (context) => {
    const decision = { ...(await readJson(context, Decision)), by: callerOf(context) };
    const records = await selected(decision, engine.reads);
    const change = released(records, { ...decision, at: now() });
    if (change.messages.length > 0) await engine.commit(change);
    return context.json(
      { released: change.messages.length, left: (await engine.reads.suspicions(1)).total },
      202,
    );
  });
  app.post('/v1/suspicious/drop', async (context) => {
    const { by: _, reason, ...decision } = await readJson(context, Decision);
    const by = callerOf(context);
    const accounts = dropped(await selected(decision, engine.reads), { by, reason, at: now() });
    if (accounts.length > 0) await engine.commit({ accounts });
    return context.json(
      { dropped: accounts.length, left: (await engine.reads.suspicions(1)).total },
      202,
    );
  });
}

/**
 * The named accounts, including dropped ones, or with `all` every account that is not decided yet.
 */
async function selected(
  { accounts, all }: Pick<z.infer<typeof Decision>, 'accounts' | 'all'>,
  reads: Reads,
): Promise<AccountRecord[]> {
  if (all) {
    const { records } = await reads.suspicions(MAX_AT_ONCE);
    return records.filter(({ suspicion }) => suspicion && !suspicion.dropped);
  }
  const found = await Promise.all(
    (accounts ?? []).map(({ type, id }) => reads.account(type, Account.parse({ type, id }).id)),
  );
  return newestSuspicions(
    found.filter((record) => record !== undefined),
    MAX_AT_ONCE,
  ).records;
}
