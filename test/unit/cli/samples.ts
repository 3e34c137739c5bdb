import * as z from 'zod';
import { createColors } from '../../../lib/cli/output.ts';
import { OperationShape, TaskShape } from '../../../lib/cli/shapes.ts';

/** 2026-03-01T12:00:00Z. */
export const NOON = 1_772_366_400_000;
export const plain = createColors({}, {});
export const colored = createColors({ isTTY: true }, {});

const fieldsSchema = z.record(z.string(), z.unknown());
type Fields = z.infer<typeof fieldsSchema>;

/** A task as the API shows it. */
export const taskOf = (service: string, fields: Fields = {}): TaskShape =>
  TaskShape.parse({
    id: `op-0123456789ab/${service}/RegionOne`,
    service,
    region: 'RegionOne',
    state: 'finished',
    phase: 'apply',
    counts: {},
    conditions: [],
    ...fields,
  });

/** An operation as the API shows it: of a deleted project, running for a minute. */
export const viewOf = (
  operation: Fields = {},
  tasks: readonly TaskShape[] = [],
  viewFields: Fields = {},
): OperationShape =>
  OperationShape.parse({
    operation: {
      id: 'op-0123456789ab',
      mode: 'enforce',
      state: 'running',
      scope: { type: 'project', id: '4f0c', name: 'shop' },
      cause: { eventType: 'identity.project.deleted', initiator: { userId: 'u1', name: 'ann' } },
      confirmedAt: [NOON - 50_000, NOON - 45_000],
      notBefore: NOON - 60_000,
      openedAt: NOON - 60_000,
      uncovered: [],
      waived: [],
      ...operation,
    },
    tasks,
    resources: { found: 0, removed: 0, left: 0 },
    waitsOn: [],
    ...viewFields,
  });

/** The fields of a cleanup that an administrator requested while the project existed. */
export const requestedCleanup = (enabled: boolean, operation: Fields): Fields => ({
  cause: { eventType: 'requested', note: 'ann: the customer left' },
  request: { by: 'ann', reason: 'the customer left', at: NOON - 60_000, enabled },
  confirmedAt: [],
  ...operation,
});
