import { describe, expect, it } from '@jest/globals';
import type { OperationId } from '../../../../events/ids.ts';
import type { ChangePart } from '../../../../lib/engine/aws/dynamodb/change-part.ts';
import { splitChange } from '../../../../lib/engine/aws/dynamodb/split-change.ts';
import type { Change } from '../../../../lib/engine/port.ts';
import { operation, project, quarantined, task } from '../../../engine/samples.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

/** The records of all parts, in the order in which they are written. */
function recordsOf(parts: readonly ChangePart[]) {
  return {
    seen: parts.flatMap(({ seen }) => seen),
    accounts: parts.flatMap(({ accounts }) => accounts),
    quarantine: parts.flatMap(({ quarantine }) => quarantine),
    operations: parts.flatMap(({ operations }) => operations),
    tasks: parts.flatMap(({ tasks }) => tasks),
    waivers: parts.flatMap(({ waivers }) => waivers),
    removedWaiverTypes: parts.flatMap(({ removedWaiverTypes }) => removedWaiverTypes),
    stopDecisions: parts.flatMap(({ stopDecision }) => stopDecision ?? []),
    audit: parts.flatMap(({ audit }) => audit),
    documents: parts.flatMap(({ documents }) => documents),
    counters: Object.assign({}, ...parts.map(({ counters }) => counters)),
    outboundMessages: parts.flatMap(({ outboundMessages }) => outboundMessages),
  };
}

const outboundOf = (text: string) => ({ type: 'task.redriven', detail: JSON.stringify(text) });

/** A change with `count` records of each kind, and a message about each record that has one. */
function changeOf(count: number) {
  const operations = numbers(count).map(() => operation());
  const accounts = numbers(count).map(() => project());
  const strayOperation = 'op-000000000000' as OperationId;
  const change = {
    seen: numbers(count).map((number) => `seen-${number}`),
    accounts,
    quarantine: numbers(count).map(() => quarantined()),
    operations,
    tasks: [...operations.map(({ id }) => id), strayOperation].flatMap((id) =>
      ['nova', 'neutron'].map((service) => task(id, service)),
    ),
    waivers: [{ type: 'rating', by: 'ann', reason: 'r', at: 1 }],
    removedWaiverTypes: ['metering'],
    stopDecision: { what: 'stopped', by: 'ann', reason: 'r', at: 1 },
    audit: numbers(count).map((number) => ({
      decision: 'hold.added' as const,
      caller: { kind: 'token' as const, name: 'ann' },
      target: { type: 'project', id: `${number}` },
      at: number,
    })) as never,
    documents: numbers(count).map((number) => ({
      collection: 'plan' as const,
      partition: 'p',
      id: `${number}`,
      version: 0,
      value: number,
    })),
    counters: { one: 1, other: 2 },
  } satisfies Change;
  const subjects = [
    ...accounts.map(({ account }) => `project ${account.id}`),
    ...[...operations.map(({ id }) => id), strayOperation].map((id) => `operation ${id}`),
    undefined,
    'operation op-111111111111',
  ];
  const messages = subjects.map((subject, index) => ({
    subject,
    outbound: outboundOf(`${index}`),
  }));
  return { change, messages };
}

const byText = (one: object, other: object): number =>
  JSON.stringify(one) < JSON.stringify(other) ? -1 : 1;

describe('a change in parts', () => {
  it.each([0, 1, 2, 150])('keeps each of %i records and messages exactly once', (count) => {
    const { change, messages } = changeOf(count);
    const { stopDecision, operations, tasks, ...others } = change;
    const written = recordsOf(splitChange(change, messages));
    expect(written).toMatchObject({ ...others, stopDecisions: [stopDecision] });
    expect(written.operations).toEqual([...operations.slice(1), ...operations.slice(0, 1)]);
    expect(written.tasks.toSorted(byText)).toEqual(tasks.toSorted(byText));
    expect(written.outboundMessages.toSorted(byText)).toEqual(
      messages.map(({ outbound }) => outbound).toSorted(byText),
    );
  });

  it('has one part if it is small, even with only a stop decision', () => {
    const stopDecision = { what: 'stopped', by: 'ann', reason: 'r', at: 1 } as const;
    const parts = splitChange({ stopDecision }, []);
    expect(parts).toHaveLength(1);
    expect(recordsOf(parts)).toMatchObject({ stopDecisions: [stopDecision], accounts: [] });
  });

  it('keeps an account and its event, and an operation, its tasks and its messages together', () => {
    const { change, messages } = changeOf(150);
    const parts = splitChange(change, messages);
    expect(parts.length).toBeGreaterThan(10);
    for (const part of parts) {
      const details = new Set(part.outboundMessages.map(({ detail }) => detail));
      const subjects = [
        ...part.accounts.map(({ account }) => `project ${account.id}`),
        ...part.operations.map(({ id }) => `operation ${id}`),
      ];
      for (const { outbound } of messages.filter(({ subject }) => subjects.includes(subject ?? '')))
        expect(details).toContain(outbound.detail);
      for (const { id } of part.operations)
        expect(part.tasks.filter(({ operationId }) => operationId === id)).toHaveLength(2);
    }
  });

  it('fits in the transactions of DynamoDB: at most 100 rows and 4 MB each', () => {
    const { change, messages } = changeOf(150);
    for (const part of splitChange(change, messages)) {
      const rows =
        3 * part.accounts.length +
        2 * part.quarantine.length +
        part.operations.length +
        part.seen.length +
        part.audit.length +
        part.documents.length;
      expect(rows).toBeLessThanOrEqual(100);
    }
    const accounts = numbers(5).map(() => project({ name: 'x'.repeat(1024 * 1024) }));
    const parts = splitChange({ accounts }, []);
    expect(parts.map((part) => part.accounts.length)).toEqual([2, 2, 1]);
    // In UTF-8 each of these characters has two bytes.
    const longer = numbers(3).map(() => project({ name: 'ü'.repeat(1024 * 1024) }));
    const partsOfLonger = splitChange({ accounts: longer }, []);
    expect(partsOfLonger.map((part) => part.accounts.length)).toEqual([1, 1, 1]);
  });

  it('begins with the decisions, and ends with the first operation and the counters', () => {
    const { change, messages } = changeOf(150);
    const parts = splitChange(change, messages);
    expect(parts[0]?.audit).not.toEqual([]);
    const last = parts.at(-1);
    expect(last?.operations.at(-1)?.id).toBe(change.operations[0]?.id);
    expect(last?.counters).toEqual(change.counters);
    for (const part of parts.slice(0, -1)) expect(part.counters).toEqual({});
  });
});
