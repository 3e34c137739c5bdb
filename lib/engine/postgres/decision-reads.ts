import type { StopDecision } from '../../operation/stop.ts';
import type { DecisionReads } from '../port.ts';
import { StoredDeadLetterDecision, StoredStopDecision, StoredWaiver } from '../records.ts';
import { readAuditHead, readAuditRows } from './audit.ts';
import type { Database } from './database.ts';
import { parseBodies } from './rows.ts';

/** Reads the decisions of persons. */
export const decisionReads = (database: Database): DecisionReads => ({
  async coverageWaivers() {
    return parseBodies(
      StoredWaiver,
      await database.query('SELECT body FROM propagator.waiver ORDER BY type'),
    );
  },
  async stopDecision() {
    return (await readStopDecisions(database, 1))[0];
  },
  stopDecisions: (limit) => readStopDecisions(database, limit),
  async decisions({ operationId, limit }) {
    const rows = await database.query(
      'SELECT body FROM propagator.decision WHERE ($1::text IS NULL OR operation_id = $1) ' +
        'ORDER BY sequence DESC LIMIT $2',
      [operationId ?? null, limit],
    );
    return parseBodies(StoredDeadLetterDecision, rows);
  },
  auditRows: (from, limit) => readAuditRows(database, from, limit),
  auditHead: () => readAuditHead(database),
});

async function readStopDecisions(database: Database, limit: number): Promise<StopDecision[]> {
  const rows = await database.query(
    'SELECT body FROM propagator.stop_decision ORDER BY sequence DESC LIMIT $1',
    [limit],
  );
  return parseBodies(StoredStopDecision, rows);
}
