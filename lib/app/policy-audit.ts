import { createHash, randomUUID } from 'node:crypto';
import * as z from 'zod';
import { canonicalJson } from '../audit/entry.ts';
import type { Engine } from '../engine/port.ts';
import { NO_POLICY, type Policy } from '../policy/schema.ts';

const POLICY_DOCUMENT_KEY = { collection: 'policy', partition: 'policy', id: 'digest' } as const;
const StoredPolicy = z.looseObject({ digest: z.string(), at: z.number() });
const MAX_ATTEMPTS = 5;

/**
 * SHA-256 of a policy, in hexadecimal. The result does not depend on comments and the order of
 * keys.
 */
export const policyDigest = (policy: Policy): string =>
  createHash('sha256').update(canonicalJson(policy)).digest('hex');

/**
 * Adds an entry to the audit log if the policy differs from the policy that was recorded last. If
 * several processes start at the same time, only one of them adds the entry.
 */
export async function recordPolicy(
  policy: Policy,
  { engine, now }: { readonly engine: Engine; now(): number },
): Promise<void> {
  const digest = policyDigest(policy);
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    const [document] = await engine.reads.documents(
      POLICY_DOCUMENT_KEY.collection,
      POLICY_DOCUMENT_KEY.partition,
      POLICY_DOCUMENT_KEY.id,
    );
    const digestBefore = document && StoredPolicy.parse(document.value).digest;
    if (digest === (digestBefore ?? policyDigest(NO_POLICY))) return;
    const at = now();
    const outcome = await engine.commit({
      documents: [
        { ...POLICY_DOCUMENT_KEY, version: document?.version ?? 0, value: { digest, at } },
      ],
      audit: [
        {
          id: randomUUID(),
          at,
          by: { kind: 'process', name: 'propagator' },
          what: 'policy.changed',
          target: { type: 'policy', id: digest },
          reason: 'a process started with another policy file',
          before: digestBefore === undefined ? null : { digest: digestBefore },
          after: { digest, policy },
        },
      ],
    });
    if (outcome === 'committed') return;
  }
}
