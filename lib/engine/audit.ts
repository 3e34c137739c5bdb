import * as z from 'zod';
import {
  AUDITED_DECISIONS,
  type AuditEntry,
  type AuditHead,
  type AuditOrigin,
  type AuditRecord,
  chainEntries,
} from '../audit/entry.ts';
import { redactDeep } from '../shared/redaction.ts';
import { toJson } from './json.ts';
import type { DeadLetterDecision } from './port.ts';

/** The parts of the audit log that all engines share. */

/**
 * A stored entry. The schema keeps fields that only a newer release knows, because the hash also
 * covers them.
 */
export const StoredAuditEntry: z.ZodType<AuditEntry> = z.looseObject({
  id: z.string(),
  at: z.number(),
  by: z.looseObject({
    kind: z.enum(['token', 'aws', 'keystone', 'process']),
    name: z.string(),
    id: z.string().exactOptional(),
  }),
  from: z.string().exactOptional(),
  requestId: z.string().exactOptional(),
  what: z.enum(AUDITED_DECISIONS),
  target: z.looseObject({
    type: z.string(),
    id: z.string(),
    name: z.string().exactOptional(),
    operations: z.array(z.string()).exactOptional(),
  }),
  reason: z.string().exactOptional(),
  before: z.unknown(),
  after: z.unknown(),
  sequence: z.number(),
  previous: z.string(),
  hash: z.string(),
});

/**
 * Builds the entries that follow `head`, without storing them. The JSON round trip gives each
 * record the form in which a store returns it, because the hash is computed from that form.
 */
export const auditEntriesAfter = (head: AuditHead, records: readonly AuditRecord[]): AuditEntry[] =>
  chainEntries(head, JSON.parse(toJson(records)));

/**
 * Returns the audit records of one person's decision about dead-letter messages: one record for
 * each queue and cause. Without an `origin`, there is no record.
 */
export function deadLetterAuditRecordsOf(
  decisions: readonly DeadLetterDecision[],
  { origin }: { readonly origin?: AuditOrigin | undefined },
): AuditRecord[] {
  if (!origin) return [];
  const groups = Map.groupBy(decisions, ({ queue, cause }) => JSON.stringify([queue, cause]));
  return [...groups.values()].flatMap((group) =>
    group.slice(0, 1).map(({ id, what, at, queue, cause, reason }): AuditRecord => {
      const count = group.reduce((sum, one) => sum + one.count, 0);
      const operations = group.flatMap(({ operationId }) => operationId ?? []);
      return {
        ...origin,
        id,
        at,
        what: `dead-letters.${what}`,
        target: {
          type: 'dead-letters',
          id: queue,
          name: `${count} with cause ${cause}`,
          operations,
        },
        reason: redactDeep(reason),
        before: { dead: count, cause },
        after: { dead: 0, [what]: count },
      };
    }),
  );
}
