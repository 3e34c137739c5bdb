import { OperationShape, TaskShape } from '../../../lib/cli/shapes.ts';
import type { Operation, Task } from '../../../lib/operation/model.ts';

/*
 * The API sends operations and tasks as they are stored. The shapes of the commands are loose and
 * have optional fields, so the compiler does not report a field of a shape that no operation has.
 */
const OPERATION_FIELDS = {
  id: true,
  action: true,
  scope: true,
  generation: true,
  mode: true,
  state: true,
  cause: true,
  parentId: true,
  confirmedAt: true,
  confirmation: true,
  notBefore: true,
  order: true,
  children: true,
  hold: true,
  request: true,
  rerun: true,
  nextDeletion: true,
  keystoneAction: true,
  roles: true,
  uncovered: true,
  leftOut: true,
  waived: true,
  released: true,
  openedAt: true,
  startedAt: true,
  endedAt: true,
  lifecycle: true,
  plan: true,
  projects: true,
  isUnverified: true,
  waitsForChildProjects: true,
  recovery: true,
  canceled: true,
  keystoneCheck: true,
  version: true,
} satisfies Record<keyof Operation, true>;
const TASK_FIELDS = {
  id: true,
  operationId: true,
  service: true,
  region: true,
  state: true,
  phase: true,
  preDelete: true,
  verifications: true,
  validFromRun: true,
  overtook: true,
  partialRun: true,
  run: true,
  sequence: true,
  counts: true,
  baseline: true,
  conditions: true,
  error: true,
  attempts: true,
  progressAt: true,
  reportedAt: true,
  runProgressed: true,
  totalRetryAfterMillis: true,
  mostRemoved: true,
  distinctIdCounts: true,
  appeared: true,
  seenIds: true,
  because: true,
  nextAt: true,
  startedAt: true,
  endedAt: true,
  version: true,
} satisfies Record<keyof Task, true>;

describe('the shapes of the commands', () => {
  it('have only fields of a stored operation', () => {
    const { operation } = OperationShape.shape;
    expect(Object.keys(OPERATION_FIELDS)).toEqual(
      expect.arrayContaining(Object.keys(operation.shape)),
    );
  });

  it('have only fields of a stored task', () => {
    expect(Object.keys(TASK_FIELDS)).toEqual(expect.arrayContaining(Object.keys(TaskShape.shape)));
  });
});
