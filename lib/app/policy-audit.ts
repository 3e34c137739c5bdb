import { createHash, randomUUID } from 'node:crypto';
import * as z from 'zod';
import { canonicalJson } from '../audit/entry.ts';
import type { Engine } from '../engine/port.ts';
import { NO_POLICY, type Policy } from '../policy/schema.ts';

const KEY = { collection: 'policy', partition: 'policy', id: 'digest' } as const;
const StoredPolicy = z.looseObject({ digest: z.string(), at: z.number() });
const MAX_CONFLICTS = 5;

/**
 * SHA-256 of a policy, in hexadecimal. The result does not depend on comments and the order of
 * keys.
 */
export const policyDigest = (policy: Policy): string =>
  createHash('sha256').update(canonicalJson(policy)).digest('hex');

/**
 * Adds an entry to the audit log when the policy has changed since the last start of a process. If
 * several processes start at the same time, the change is recorded once.
 */
export async function recordPolicy(
  policy: Policy,
  { engine, now }: { readonly engine: Engine; now(): number },
): Promise<void> {
  const digest = policyDigest(policy);
  for (let tries = 1; tries <= MAX_CONFLICTS; tries += 1) {
    const [document] = await engine.reads.documents(KEY.collection, KEY.partition, KEY.id);
    const before = document && StoredPolicy.parse(document.value).digest;
    if (digest === (before ?? policyDigest(NO_POLICY))) return;
    const at = now();
    const outcome = await engine.commit({
      documents: [{ ...KEY, version: document?.version ?? 0, value: { digest, at } }],
      audit: [
        {
          id: randomUUID(),
          at,
          by: { kind: 'process', name: 'propagator' },
          what: 'policy.changed',
          target: { type: 'policy', id: digest },
          reason: 'a process started with another policy file',
          before: before === undefined ? null : { digest: before },
          after: { digest, policy },
        },
      ],
    });
    if (outcome === 'committed') return;
  }
}
