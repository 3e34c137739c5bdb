import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import * as z from 'zod';
import type { AuditRecord } from '../../lib/audit/entry.ts';
import { verifyLog } from '../../lib/audit/verify.ts';
import { StoredAuditEntry } from '../../lib/engine/audit.ts';
import type { Engine } from '../../lib/engine/port.ts';
import { until } from './engine-store.ts';
import { operation, requested, unique } from './samples.ts';

export const auditRecord = (fields: Partial<AuditRecord> = {}): AuditRecord => ({
  id: randomUUID(),
  at: 1_700_000_000_123,
  by: { kind: 'token', name: 'ann' },
  from: '127.0.0.1',
  requestId: unique(),
  what: 'waiver.added',
  target: { type: 'catalog-type', id: unique() },
  reason: 'Rätsel "1" \u2028 \\ {a: 1e21, b: 0.1}',
  before: null,
  after: { b: [1, 1e21, 0.1], a: { z: 'ä', y: null } },
  ...fields,
});

export const verify = (engine: Engine) => verifyLog(engine.reads, { pause: () => delay(50) });

/**
 * The audit log has every decision exactly once, and is one chain even if many processes decide at
 * the same time.
 */
export function auditSuite(open: () => Promise<Engine>): void {
  describe('the audit log', () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await open();
    });
    afterAll(() => engine.close());

    const entries = async (from: number) => {
      const rows = await engine.reads.auditRows(from, 1000);
      return rows.map(({ entry }) => StoredAuditEntry.parse(entry));
    };

    it('has every decision of a change in order, each with a hash over the stored entry', async () => {
      const { sequence } = await engine.reads.auditHead();
      // U+0000 and half a surrogate pair are stored as U+FFFD by every engine.
      const records = [auditRecord(), auditRecord({ reason: 'a\0b\ud800c' })];
      expect(await engine.commit({ audit: records })).toBe('committed');
      const [first, second] = await entries(sequence + 1);
      expect(first).toMatchObject({ ...records[0], sequence: sequence + 1 });
      expect(second).toMatchObject({
        id: records[1]?.id,
        reason: 'a\ufffdb\ufffdc',
        previous: first?.hash,
      });
      expect(await engine.reads.auditHead()).toEqual({
        sequence: sequence + 2,
        hash: second?.hash,
      });
      expect(await verify(engine)).toMatchObject({ ok: true });
    });

    it('has nothing of a change in conflict', async () => {
      const opened = operation();
      await engine.commit({ operations: [opened] });
      const before = await engine.reads.auditHead();
      expect(await engine.commit({ operations: [opened], audit: [auditRecord()] })).toBe(
        'conflict',
      );
      expect(await engine.reads.auditHead()).toEqual(before);
    });

    it('stores more decisions in one change than fit into one transaction of DynamoDB', async () => {
      const { sequence } = await engine.reads.auditHead();
      const records = Array.from({ length: 130 }, () => auditRecord());
      expect(await engine.commit({ audit: records })).toBe('committed');
      expect((await entries(sequence + 1)).map(({ id }) => id)).toEqual(
        records.map(({ id }) => id),
      );
      expect(await verify(engine)).toMatchObject({ ok: true });
    });

    it('returns pages in the order of the entries', async () => {
      const { sequence } = await engine.reads.auditHead();
      await engine.commit({ audit: [auditRecord(), auditRecord(), auditRecord()] });
      const page = await engine.reads.auditRows(sequence + 2, 1);
      expect(page.map((row) => row.sequence)).toEqual([sequence + 2]);
      expect(await engine.reads.auditRows(sequence + 4, 10)).toEqual([]);
    });

    it('has a decision about dead-letter messages, with its origin', async () => {
      const { sequence } = await engine.reads.auditHead();
      const message = requested(`t${unique()}`, 1);
      const error = { code: 'nova.x', class: 'Denied', message: 'm', advice: 'a' } as const;
      const dead = { message, error };
      await engine.commit({ deadLetters: [dead, dead] });
      const { by, from } = auditRecord();
      const filter = { operationId: message.data.operationId };
      const decided = { by: 'ann', reason: 'repaired', origin: { by, from } };
      // SQS may show a new message only after a while.
      await until('dead letters', async () => (await engine.deadLetters(filter)).length === 2);
      await engine.discard(filter, decided);
      const found = await entries(sequence + 1);
      const operations = [message.data.operationId];
      const about = { type: 'dead-letters', id: `service-${message.data.service}`, operations };
      for (const one of found)
        expect(one).toMatchObject({ by, from, what: 'dead-letters.discarded', target: about });
      const counts = found.map(({ after }) => z.object({ discarded: z.number() }).parse(after));
      expect(counts.reduce((sum, { discarded }) => sum + discarded, 0)).toBe(2);
      expect(await verify(engine)).toMatchObject({ ok: true });
    });

    it('is one chain of hashes if many decisions and other changes are written at the same time', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 2, maxLength: 6 }),
          async (sizes) => {
            const { sequence } = await engine.reads.auditHead();
            const changes = sizes.map((size) => Array.from({ length: size }, () => auditRecord()));
            const outcomes = await Promise.all(
              changes.map((audit) =>
                engine.commit({ audit, operations: [operation()], counters: { audited: 1 } }),
              ),
            );
            expect(new Set(outcomes)).toEqual(new Set(['committed']));
            const ids = (await entries(sequence + 1)).map(({ id }) => id);
            const written = changes.map((audit) => audit.map(({ id }) => id));
            expect(ids.toSorted()).toEqual(written.flat().toSorted());
            // The decisions of one change are neighbors, in its order.
            for (const change of written.filter(({ length }) => length > 0)) {
              const at = ids.indexOf(change[0] ?? '');
              expect(ids.slice(at, at + change.length)).toEqual(change);
            }
            expect(await verify(engine)).toMatchObject({ ok: true });
          },
        ),
        { numRuns: 5 },
      );
    });
  });
}
