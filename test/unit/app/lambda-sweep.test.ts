import { runScheduledSweep } from '../../../lib/app/lambda/sweep.ts';
import { policyDigest } from '../../../lib/app/policy-audit.ts';
import { StoredAuditEntry } from '../../../lib/engine/audit.ts';
import { SteppedEngine } from '../../../lib/engine/memory/stepped.ts';
import type { Change } from '../../../lib/engine/port.ts';
import { NO_POLICY, type Policy } from '../../../lib/policy/schema.ts';

describe('one run of the sweep on AWS', () => {
  it('counts held operations, holds by a cap, suspicious deletions, and enables during a hold', async () => {
    const metrics: Record<string, number> = {};
    const hold = { by: 'ann', reason: 'the invoice', at: 1 };
    const held = [{ hold: { about: 'cap' } }, { hold: { about: 'keystoneAction' } }];
    const propagator = {
      engine: {
        flushOutbox: async () => 0,
        housekeeping: async () => undefined,
        reads: {
          operations: async () => held,
          suspicions: async () => ({ total: 3, records: [] }),
          accountCount: async () => 1,
          documents: async (collection: string) =>
            collection === 'hold'
              ? [
                  { id: 'one', version: 1, value: { ...hold, enabledAt: '2026-11-29T00:00:00Z' } },
                  { id: 'other', version: 1, value: hold },
                ]
              : [],
        },
      },
      countMetrics: (values: Record<string, number>) => Object.assign(metrics, values),
    };
    await runScheduledSweep({ compare: false }, { propagator }, NO_POLICY);
    expect(metrics).toEqual({
      Repaired: 0,
      Held: 2,
      Suspicious: 3,
      Capped: 1,
      EnabledDuringHold: 1,
    });
  });
});

describe('the policy of the deployed stack', () => {
  const OTHER_POLICY = { ...NO_POLICY, suspend: {} } as Policy;
  const OTHER_DIGEST = policyDigest(OTHER_POLICY);
  let store: SteppedEngine;
  let isBroken = false;
  let reads = 0;
  beforeEach(() => {
    store = new SteppedEngine();
    isBroken = false;
    reads = 0;
  });
  /** Starts a process of the function. All runs of the returned function have the same context. */
  const startProcess = () => {
    const engine = {
      flushOutbox: async () => 0,
      housekeeping: async () => undefined,
      reads: {
        ...store.reads,
        accountCount: async () => 1,
        documents: (...key: Parameters<typeof store.reads.documents>) => {
          if (key[0] === 'policy') reads += 1;
          return store.reads.documents(...key);
        },
      },
      commit: (change: Change) =>
        isBroken ? Promise.reject(new Error('the store failed')) : store.commit(change),
    };
    const propagator = { engine, countMetrics: () => undefined };
    return (policy: Policy) => runScheduledSweep({ compare: false }, { propagator }, policy);
  };
  const auditEntries = () => store.auditRows.map(({ entry }) => StoredAuditEntry.parse(entry));

  it('is recorded in the audit log when it has changed, and read once for each process', async () => {
    await startProcess()(NO_POLICY);
    expect(auditEntries()).toEqual([]);
    const run = startProcess();
    for (let n = 0; n < 3; n += 1) await run(OTHER_POLICY);
    expect(reads).toBe(2);
    await startProcess()(OTHER_POLICY);
    expect(auditEntries()).toMatchObject([
      {
        what: 'policy.changed',
        by: { kind: 'process' },
        before: null,
        after: { digest: OTHER_DIGEST },
      },
    ]);
    await startProcess()(NO_POLICY);
    expect(auditEntries()[1]).toMatchObject({ before: { digest: OTHER_DIGEST } });
  });

  it('is recorded by the next run when the store failed', async () => {
    const run = startProcess();
    isBroken = true;
    await expect(run(OTHER_POLICY)).rejects.toThrow('the store failed');
    isBroken = false;
    await run(OTHER_POLICY);
    expect(auditEntries()).toMatchObject([{ after: { digest: OTHER_DIGEST } }]);
  });
});
