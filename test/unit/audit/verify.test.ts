import fc from 'fast-check';
import { type AuditRow, EMPTY_LOG_HEAD, hashOf, headAfter } from '../../../lib/audit/entry.ts';
import { type KnownEntry, verifyLog } from '../../../lib/audit/verify.ts';
import { auditEntriesAfter } from '../../../lib/engine/audit.ts';
import { auditRecord } from '../../engine/suite-audit.ts';

type Row = { sequence: number; entry: Record<string, unknown> };

/** A log of `count` entries, and the head that its store keeps. */
function logOf(count: number) {
  const records = Array.from({ length: count }, () => auditRecord());
  const entries = auditEntriesAfter(EMPTY_LOG_HEAD, records);
  const rows: Row[] = entries.map((entry) => ({ sequence: entry.sequence, entry: { ...entry } }));
  return { rows, head: headAfter(EMPTY_LOG_HEAD, entries) };
}

const verify = (
  { rows, head }: { rows: readonly AuditRow[]; head: typeof EMPTY_LOG_HEAD },
  known?: KnownEntry,
) =>
  verifyLog(
    {
      auditHead: async () => head,
      auditRows: async (from, limit) =>
        rows
          .filter(({ sequence }) => sequence >= from)
          .toSorted((one, other) => one.sequence - other.sequence)
          .slice(0, limit),
    },
    { known, pause: async () => {} },
  );

/** Gives a changed entry the matching hash, as an attacker with knowledge of the rule would do. */
const rehash = (row: Row | undefined): void => {
  if (row) row.entry.hash = hashOf(row.entry);
};

/**
 * Each function changes entry `at` (from 1) of a log with `count` entries. It returns the number of
 * the first entry that the verification must report.
 */
const TAMPERING: Readonly<
  Record<string, (log: ReturnType<typeof logOf>, at: number, count: number) => number>
> = {
  'a changed field': ({ rows }, at) => {
    Object.assign(rows[at - 1]?.entry ?? {}, { reason: 'another' });
    return at;
  },
  'a changed field with its hash': ({ rows }, at, count) => {
    Object.assign(rows[at - 1]?.entry ?? {}, { by: { kind: 'token', name: 'bob' } });
    rehash(rows[at - 1]);
    return at === count ? at : at + 1;
  },
  'an additional field': ({ rows }, at) => {
    Object.assign(rows[at - 1]?.entry ?? {}, { note: 'x' });
    return at;
  },
  'a removed field': ({ rows }, at) => {
    delete rows[at - 1]?.entry.reason;
    return at;
  },
  'an unreadable entry': ({ rows }, at) => {
    Object.assign(rows[at - 1] ?? {}, { entry: 'broken' });
    return at;
  },
  'a deleted entry': ({ rows }, at) => {
    rows.splice(at - 1, 1);
    return at;
  },
  'a deleted entry whose gap was closed': ({ rows }, at, count) => {
    rows.splice(at - 1, 1);
    for (const row of rows.slice(at - 1)) {
      row.sequence -= 1;
      row.entry.sequence = row.sequence;
      rehash(row);
    }
    return at === count ? count : at;
  },
  'two entries in the other order': ({ rows }, at, count) => {
    const other = at === count ? at - 1 : at + 1;
    const [one, two] = [rows[at - 1], rows[other - 1]];
    if (one && two) [one.entry, two.entry] = [two.entry, one.entry];
    return Math.min(at, other);
  },
  'an inserted entry': ({ rows }, at) => {
    const [inserted] = auditEntriesAfter(EMPTY_LOG_HEAD, [auditRecord()]);
    for (const row of rows.slice(at - 1)) row.sequence += 1;
    const entry = { ...inserted, sequence: at, previous: rows[at - 2]?.entry.hash };
    rows.splice(at - 1, 0, { sequence: at, entry });
    rehash(rows[at - 1]);
    return at === 1 ? at : at + 1;
  },
  'an entry after the end': ({ rows, head }, _, count) => {
    const entries = auditEntriesAfter(head, [auditRecord()]);
    rows.push(...entries.map((entry) => ({ sequence: count + 1, entry: { ...entry } })));
    return count + 1;
  },
};

describe('the verification of the audit log', () => {
  it.each([0, 1, 499, 500, 501])('accepts an unbroken log of %d entries', async (count) => {
    const log = logOf(count);
    expect(await verify(log)).toEqual({ ok: true, head: log.head });
  });

  it.each(Object.entries(TAMPERING))('names the first entry after %s', async (_, tamper) => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 8 }), fc.nat(), async (count, place) => {
        const log = logOf(count);
        const sequence = tamper(log, (place % count) + 1, count);
        expect(await verify(log)).toMatchObject({ ok: false, broken: { sequence } });
      }),
      { numRuns: 60 },
    );
  });

  it('finds a replaced store only by an entry that is known from outside', async () => {
    const [before, replaced] = [logOf(3), logOf(3)];
    expect(await verify(replaced)).toMatchObject({ ok: true });
    expect(await verify(before, before.head)).toMatchObject({ ok: true });
    expect(await verify(replaced, before.head)).toMatchObject({
      ok: false,
      broken: { sequence: 3, because: expect.stringContaining('not the known hash') },
    });
    expect(await verify(logOf(2), before.head)).toMatchObject({
      ok: false,
      broken: { sequence: 3, because: 'entry 3 is missing, although its hash is known' },
    });
  });

  it('accepts entries that are added while it reads', async () => {
    const all = logOf(6);
    let visible = 3;
    const result = await verifyLog(
      {
        auditHead: async () => {
          visible = Math.min(6, visible + 1);
          const last = all.rows[visible - 1];
          return last ? { sequence: visible, hash: String(last.entry.hash) } : EMPTY_LOG_HEAD;
        },
        auditRows: async (from) =>
          all.rows.filter(({ sequence }) => sequence >= from && sequence <= visible),
      },
      { pause: async () => {} },
    );
    expect(result).toEqual({ ok: true, head: all.head });
  });
});
