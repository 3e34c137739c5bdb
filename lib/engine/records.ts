import * as z from 'zod';
import { Account, AccountEvent, Cause } from '../../events/account.ts';
import { OperationId, UserId } from '../../events/ids.ts';
import type { Message, QueueName } from '../../events/index.ts';
import { NotificationReceived } from '../../events/notification.ts';
import { OperationEvent } from '../../events/operation.ts';
import { ServiceEvent } from '../../events/service.ts';
import type { AccountRecord, QuarantineRecord } from '../account/inventory.ts';
import type { StopDecision } from '../operation/stop.ts';
import type { DeadLetterDecision } from './port.ts';
import { undefinedIfMissing } from './record-parts.ts';

export { StoredOperation, StoredWaiver } from './stored-operation.ts';
export { StoredTask } from './stored-task.ts';

/**
 * Schemas of the stored records. The engines on PostgreSQL and AWS validate each record that they
 * read. The schemas keep unknown fields, so that a write of this release does not delete the fields
 * of a newer release.
 */

export const StoredStopDecision: z.ZodType<StopDecision> = z.looseObject({
  what: z.enum(['stopped', 'resumed']),
  by: z.string(),
  reason: z.string().exactOptional(),
  at: z.number(),
});

export const StoredAccount: z.ZodType<AccountRecord> = z.looseObject({
  account: Account,
  seenAt: z.number(),
  deletedAt: undefinedIfMissing(z.number()),
  members: undefinedIfMissing(z.array(UserId)),
  suspicion: z
    .looseObject({
      cause: Cause,
      at: z.number(),
      keystone: z.enum(['absent', 'not asked']),
      dropped: undefinedIfMissing(
        z.looseObject({ by: z.string(), reason: z.string(), at: z.number() }),
      ),
    })
    .exactOptional(),
  unannounced: undefinedIfMissing(z.literal(true)),
});

export const StoredQuarantine: z.ZodType<QuarantineRecord> = z.looseObject({
  id: z.string(),
  reason: z.string(),
  body: z.string(),
  encoding: z.enum(['utf8', 'base64']),
  bytes: z.number(),
  source: z.string(),
  receivedAt: z.number(),
});

const StoredQueue = z.custom<QueueName>(
  (name) => typeof name === 'string' && /^(ingest|coordinate|service-.+)$/.test(name),
);

export const StoredDeadLetterDecision: z.ZodType<DeadLetterDecision> = z.looseObject({
  id: z.string(),
  what: z.enum(['redriven', 'discarded']),
  by: z.string(),
  reason: undefinedIfMissing(z.string()),
  at: z.number(),
  queue: StoredQueue,
  operationId: undefinedIfMissing(OperationId),
  cause: z.string(),
  count: z.number(),
});

/** Any message on a queue. */
export const StoredMessage: z.ZodType<Message> = z.union([
  z.discriminatedUnion('type', [NotificationReceived, OperationEvent, ServiceEvent]),
  AccountEvent,
]);
