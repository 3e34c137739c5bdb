import type { Context, Hono } from 'hono';
import * as z from 'zod';
import { Account } from '../../events/account.ts';
import type { AccountRecord } from '../account/inventory.ts';
import { dropSuspicions, newestSuspicions, releaseSuspicions } from '../account/suspicion.ts';
import type { AuditRecord } from '../audit/entry.ts';
import type { Reads } from '../engine/port.ts';
import { auditRecord } from './audit.ts';
import { callerOf } from './authentication.ts';
import { callerNotAllowedInBody, readJson, reasonText } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { ListLimit } from './limit.ts';

/** The maximum number of accounts per call. The caller repeats the call for the other accounts. */
const MAX_ACCOUNTS_PER_CALL = 1000;

const AccountReference = z.object({
  type: z.enum(['project', 'domain', 'user']),
  id: z.string().min(1),
});
export const SuspicionBody = z
  .strictObject({
    by: callerNotAllowedInBody,
    reason: reasonText,
    accounts: z.array(AccountReference).max(MAX_ACCOUNTS_PER_CALL).optional(),
    all: z.literal(true).optional(),
  })
  .refine(({ accounts, all }) => (accounts === undefined) !== (all === undefined), {
    path: ['accounts'],
    message: 'send accounts, or "all": true',
  });

/** Routes that list, release and drop deletions of accounts that Keystone never showed. */
export function suspiciousRoutes(app: Hono, { engine, now }: ApiDeps): void {
  app.get('/v1/suspicious', async (context) =>
    context.json(await engine.reads.suspicions(ListLimit.parse(context.req.query('limit')))),
  );
  app.post('/v1/suspicious/release', async (context) => {
    const decision = { ...(await readJson(context, SuspicionBody)), by: callerOf(context) };
    const records = await readSelectedRecords(decision, engine.reads);
    const at = now();
    const change = releaseSuspicions(records, { ...decision, at });
    const decisionRecord = decisionAuditRecord(context, 'released', decision.reason, records, at);
    if (change.messages.length > 0) await engine.commit({ ...change, audit: [decisionRecord] });
    return context.json(
      { released: change.messages.length, left: (await engine.reads.suspicions(1)).total },
      202,
    );
  });
  app.post('/v1/suspicious/drop', async (context) => {
    const { by: _, reason, ...decision } = await readJson(context, SuspicionBody);
    const by = callerOf(context);
    const at = now();
    const records = await readSelectedRecords(decision, engine.reads);
    const accounts = dropSuspicions(records, { by, reason, at });
    const decisionRecord = decisionAuditRecord(context, 'dropped', reason, records, at);
    if (accounts.length > 0) await engine.commit({ accounts, audit: [decisionRecord] });
    return context.json(
      { dropped: accounts.length, left: (await engine.reads.suspicions(1)).total },
      202,
    );
  });
}

/** Returns one audit record for all accounts of the request. */
function decisionAuditRecord(
  context: Context,
  what: 'released' | 'dropped',
  reason: string,
  records: readonly AccountRecord[],
  at: number,
): AuditRecord {
  const accounts = records.map(({ account }) => `${account.type}/${account.id}`);
  const [firstAccount] = accounts;
  return auditRecord(context, at, {
    what: `suspicious.${what}`,
    target: {
      type: 'accounts',
      id: accounts.length === 1 && firstAccount ? firstAccount : 'several',
    },
    reason,
    before: { accounts, state: 'suspicious' },
    after: { accounts, state: what },
  });
}

/**
 * Returns the records of the named accounts, including accounts whose deletion a person has
 * dropped. With `all`, returns the records of all suspicious accounts without a dropped deletion.
 */
async function readSelectedRecords(
  { accounts, all }: Pick<z.infer<typeof SuspicionBody>, 'accounts' | 'all'>,
  reads: Reads,
): Promise<AccountRecord[]> {
  if (all) {
    const { records } = await reads.suspicions(MAX_ACCOUNTS_PER_CALL);
    return records.filter(({ suspicion }) => suspicion && !suspicion.dropped);
  }
  const namedRecords = await Promise.all(
    (accounts ?? []).map(({ type, id }) => reads.account(type, Account.parse({ type, id }).id)),
  );
  return newestSuspicions(
    namedRecords.filter((record) => record !== undefined),
    MAX_ACCOUNTS_PER_CALL,
  ).records;
}
