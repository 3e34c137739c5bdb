import { type ErrorClass, PropagatorError } from '../../../lib/shared/errors.ts';
import { type RunReport, runProjectCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import {
  defineService,
  defineType,
  type Removal,
  type Service,
} from '../../../lib/task/service.ts';
import { TARGET } from '../../property/simulation.ts';
import { contextOf } from './context.ts';

export interface Row {
  id: string;
  owner?: string;
}

export const CONFIRMATION = Confirmation.fromAnswers(TARGET, [0, 5000], 5000);

export const errorOfClass = (errorClass: ErrorClass) =>
  new PropagatorError({
    code: `storage.${errorClass}`,
    class: errorClass,
    message: 'no',
    advice: 'see',
  });

/** A service in memory with two resource types: volumes, and snapshots of them. */
export function storageService(
  snapshots: Row[],
  volumes: Row[],
  remove: (rows: Row[], row: Row) => Promise<Removal>,
  list: (rows: Row[]) => Promise<Row[]> = async (rows) => [...rows],
) {
  const resourceType = (name: string, rows: Row[], before: string[]) =>
    defineType<Row>({
      name,
      dependsOn: [{ types: before, strength: 'required', until: 'empty' }],
      list: () => list(rows),
      id: ({ id }) => id,
      owner: ({ owner }) => owner,
      remove: (row) => remove(rows, row),
    });
  return defineService({
    name: 'storage',
    catalogTypes: ['storage'],
    resourceTypes: [
      resourceType('volume', volumes, ['snapshot']),
      resourceType('snapshot', snapshots, []),
    ],
  });
}

export async function removeRow(rows: Row[], row: Row): Promise<Removal> {
  rows.splice(rows.indexOf(row), 1);
  return { kind: 'gone' };
}

export const runCleanup = (
  service: Service,
  context = contextOf(),
  confirmation = CONFIRMATION,
): Promise<RunReport> =>
  runProjectCleanup({ service, context, phase: 'apply', confirmation, deadline: 60_000 });

/** As {@link runCleanup}, with snapshots that an earlier run has verified empty. */
export const runCleanupAfterEmptySnapshots = (service: Service): Promise<RunReport> =>
  runProjectCleanup({
    service,
    context: contextOf(),
    phase: 'apply',
    confirmation: CONFIRMATION,
    skipTypes: service.resourceTypes
      .map(({ name }) => name)
      .filter((name) => name === 'storage.snapshot'),
    deadline: 60_000,
  });

export const rowsOf = (...owners: (string | undefined)[]): Row[] =>
  owners.map((owner, n) => (owner === undefined ? { id: `r${n}` } : { id: `r${n}`, owner }));
