import type { DecisionReads } from '../../port.ts';
import { StoredDeadLetterDecision, StoredStopDecision, StoredWaiver } from '../../records.ts';
import { readAuditHead, readAuditRows } from './audit.ts';
import { parseBodies } from './codec.ts';
import { decisionsPk, NEWEST_STOP_DECISION_KEY, STOP_DECISIONS_PK } from './keys.ts';
import type { Store } from './table.ts';

/** Reads the decisions of persons from the table. */
export const decisionReads = (store: Store): DecisionReads => ({
  async coverageWaivers() {
    return parseBodies(StoredWaiver, await store.query({ pk: 'waiver' }));
  },
  async stopDecision() {
    return parseBodies(StoredStopDecision, await store.getMany([NEWEST_STOP_DECISION_KEY]))[0];
  },
  async stopDecisions(limit) {
    const rows = await store.query({ pk: STOP_DECISIONS_PK, limit, newestFirst: true });
    return parseBodies(StoredStopDecision, rows);
  },
  async decisions({ operationId, limit }) {
    const rows = await store.query({ pk: decisionsPk(operationId), newestFirst: true, limit });
    return parseBodies(StoredDeadLetterDecision, rows);
  },
  auditRows: (from, limit) => readAuditRows(store, from, limit),
  auditHead: () => readAuditHead(store),
});
