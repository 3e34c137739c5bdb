import { randomUUID } from 'node:crypto';
import type { Context, Hono } from 'hono';
import * as z from 'zod';
import type { AuditCaller, AuditOrigin, AuditRecord } from '../audit/entry.ts';
import { listAuditEntries } from '../audit/list.ts';
import { verifyLog } from '../audit/verify.ts';
import { redactDeep } from '../shared/redaction.ts';
import { callerOf } from './authentication.ts';
import { callerAddress } from './caller-address.ts';
import { type ApiDeps, withoutUndefined } from './deps.ts';
import { ListLimit } from './limit.ts';

/** The authenticated caller of a request, its address, and the request id. */
export function auditOriginOf(context: Context): AuditOrigin {
  const address = callerAddress(context);
  return {
    by: auditCallerOf(context),
    ...(address === undefined ? {} : { from: address }),
    requestId: context.get('requestId'),
  };
}

function auditCallerOf(context: Context): AuditCaller {
  const name = callerOf(context);
  const user = context.get('identity');
  if (user) return { kind: 'keystone', name: user.userName, id: user.userId };
  return { kind: name.startsWith('arn:') ? 'aws' : 'token', name };
}

/**
 * The audit record of the decision in a request, with redacted secrets. Every route that changes
 * something for a person commits such a record in the same transaction as the change.
 */
export const auditRecord = (
  context: Context,
  now: number,
  decision: Pick<AuditRecord, 'what' | 'target' | 'reason' | 'before' | 'after'>,
): AuditRecord => ({
  ...redactDeep(decision),
  ...auditOriginOf(context),
  id: randomUUID(),
  at: now,
});

export const AuditQuery = z.strictObject({
  since: z.coerce.number().min(0).optional(),
  by: z.string().min(1).max(300).optional(),
  operation: z.string().min(1).max(100).optional(),
  limit: ListLimit,
});
export const VerifyQuery = z.strictObject({
  known: z
    .string()
    .regex(/^\d{1,15}:[0-9a-f]{64}$/, 'must be SEQUENCE:HASH, as an earlier verification printed')
    .optional(),
});
/** The pause before the end of the log is read again, if requests may have added entries to it. */
const VERIFY_PAUSE_MILLIS = 100;

/** Routes that list the audit log, newest first, and verify it. */
export function auditRoutes(app: Hono, { engine }: ApiDeps): void {
  app.get('/v1/audit', async (context) => {
    const { since, by, operation, limit } = AuditQuery.parse(context.req.query());
    const filter = withoutUndefined({ since, by, operationId: operation });
    return context.json({ entries: await listAuditEntries(engine.reads, { ...filter, limit }) });
  });
  app.get('/v1/audit/verify', async (context) => {
    const { known } = VerifyQuery.parse(context.req.query());
    const [sequence, hash = ''] = known?.split(':') ?? [];
    return context.json(
      await verifyLog(engine.reads, {
        known: sequence === undefined ? undefined : { sequence: Number(sequence), hash },
        pause: () => new Promise((resolve) => setTimeout(resolve, VERIFY_PAUSE_MILLIS)),
      }),
    );
  });
}
