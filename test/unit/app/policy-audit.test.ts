import { policyDigest, recordPolicy } from '../../../lib/app/policy-audit.ts';
import { StoredAuditEntry } from '../../../lib/engine/audit.ts';
import { SteppedEngine } from '../../../lib/engine/memory/stepped.ts';
import { NO_POLICY, type Policy } from '../../../lib/policy/schema.ts';

describe('the policy at the start of a process', () => {
  const now = () => 1_700_000_000_000;
  const otherPolicy = { ...NO_POLICY, suspend: {} } as Policy;

  it('is recorded when it has changed, once for several processes', async () => {
    const engine = new SteppedEngine();
    const start = (policy: Policy) => recordPolicy(policy, { engine, now });
    const changes = () =>
      engine.auditRows.map(({ entry }) => {
        const { what, by, before, after } = StoredAuditEntry.parse(entry);
        return { what, by: by.kind, before, after };
      });
    await start(NO_POLICY);
    expect(changes()).toEqual([]);
    await Promise.all([start(otherPolicy), start(otherPolicy), start(otherPolicy)]);
    const digest = policyDigest(otherPolicy);
    const firstChange = {
      what: 'policy.changed',
      by: 'process',
      before: null,
      after: { digest, policy: JSON.parse(JSON.stringify(otherPolicy)) },
    };
    expect(changes()).toEqual([firstChange]);
    await start(otherPolicy);
    await start(NO_POLICY);
    expect(changes()).toMatchObject([firstChange, { before: { digest } }]);
    expect(policyDigest(NO_POLICY)).not.toBe(digest);
  });
});
