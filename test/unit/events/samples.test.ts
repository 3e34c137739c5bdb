import { readdirSync, readFileSync } from 'node:fs';
import * as z from 'zod';
import { AccountEvent } from '../../../events/account.ts';
import { AuditRecorded } from '../../../events/audit.ts';
import { NotificationReceived } from '../../../events/notification.ts';
import { OperationEvent } from '../../../events/operation.ts';
import { ServiceEvent } from '../../../events/service.ts';

const folder = new URL('../../../events/samples/', import.meta.url);
const AnyMessage = z.union([
  NotificationReceived,
  AccountEvent,
  OperationEvent,
  ServiceEvent,
  AuditRecorded,
]);
const samples = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => [name, JSON.parse(readFileSync(new URL(name, folder), 'utf8'))] as const);

describe('the samples of the events', () => {
  it.each(samples)('%s matches its schema in every field', (name, sample) => {
    expect(AnyMessage.parse(sample)).toEqual(sample);
    expect(`${sample.type}.json`).toBe(name);
  });

  it('exist for each message of operations and services, and for the account events of a deletion', () => {
    const types = [...OperationEvent.options, ...ServiceEvent.options].map(
      ({ shape }) => shape.type.value,
    );
    const deletions = ['account.project.deleted', 'account.domain.deleted', 'account.user.deleted'];
    expect(samples.map(([, { type }]) => type).sort()).toEqual(
      ['notification.received', 'audit.recorded', ...deletions, ...types].sort(),
    );
  });
});
