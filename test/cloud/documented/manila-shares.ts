import { finishLater } from '../documented.ts';
import { action, type Call, param, Refusal, type Routes } from '../http.ts';
import { isoMicros } from '../resource-store.ts';
import type { CloudState } from '../state.ts';
import {
  limited,
  type ManilaResourceType,
  type ManilaRow,
  type ManilaTables,
  show,
  unlimited,
  wantedProject,
} from './manila-rows.ts';

/** The messages of the 403 and 409 of Manila 15.1. */
const lost = (status: number, what: string): Refusal =>
  new Refusal(status, `Invalid ${what}: %(reason)s.`);
const notFound = (): Refusal => new Refusal(404, 'The resource could not be found.');

export function shareRoutes(routes: Routes, state: CloudState, tables: ManilaTables): void {
  const { of, stubborn, forgotten } = tables;
  const ofProject = (resourceType: ManilaResourceType, call: Call): ManilaRow[] => {
    const project = wantedProject(call);
    return of[resourceType].where((row) => project === undefined || row.project_id === project);
  };
  const found = (resourceType: ManilaResourceType, call: Call): ManilaRow => {
    const row = of[resourceType].get(param(call, 'id'));
    if (!row) throw notFound();
    return row;
  };
  /** The back end deletes later. A share that it fails to delete ends in `error_deleting`. */
  const begin = (
    resourceType: ManilaResourceType,
    row: ManilaRow,
    call: Call,
    gone: () => void = () => undefined,
  ) => {
    row.status = 'deleting';
    row._deletedAt = state.clock.now();
    finishLater(state, call, state.options.durations.documented, () => {
      if (stubborn.has(row.id)) row.status = 'error_deleting';
      else if (of[resourceType].delete(row.id)) gone();
    });
    return { status: 202 };
  };
  const requireState = (
    row: ManilaRow,
    refusal: Refusal,
    states = ['available', 'error', 'inactive'],
  ): void => {
    if (!states.includes(row.status)) throw refusal;
  };
  const set = (resourceType: ManilaResourceType) => (call: Call) => {
    const row = found(resourceType, call);
    const [name, value] = action(call);
    if (name === 'force_delete') {
      forgotten.push(row.id);
      of[resourceType].delete(row.id);
      return { status: 202 };
    }
    if (name !== 'reset_status') throw new Refusal(400, `There is no such action: ${name}`);
    if (row.is_soft_deleted === true)
      throw new Refusal(
        403,
        `status cannot be reset for share '${row.id}' since it has been soft deleted.`,
      );
    row.status = String(Object.values(value ?? {})[0]);
    return { status: 202 };
  };
  const instances = (row: ManilaRow) => [
    {
      id: `instance-of-${row.id}`,
      status: row.status,
      updated_at: isoMicros(Number(row._deletedAt ?? row._created)),
    },
  ];

  routes
    .on('GET', '/v2/shares/detail', (call) => {
      const inBin = call.query.get('is_soft_deleted') === 'true';
      // With `with_count` Manila ignores an administrator's filter by project.
      const all = call.query.has('with_count') ? of.share.all() : ofProject('share', call);
      const rows = all.filter((row) => row.is_soft_deleted === inBin);
      const replicas = (id: unknown): number =>
        of.replica.where((one) => one.share_id === id).length;
      return unlimited(
        call,
        'shares',
        rows.map((row) => ({ ...show(row), has_replicas: replicas(row.id) > 1 })),
        ({ id }) => replicas(id),
      );
    })
    .on('GET', '/v2/shares/:id/instances', (call) => ({
      status: 200,
      json: { share_instances: instances(found('share', call)) },
    }))
    .on('POST', '/v2/shares/:id/action', set('share'))
    .on('DELETE', '/v2/shares/:id', (call) => {
      const row = found('share', call);
      const isOf = (one: ManilaRow): boolean => one.share_id === row.id;
      const lock = of.lock.where((one) => one.resource_id === row.id)[0];
      if (row.share_group_id && call.query.get('share_group_id') !== row.share_group_id)
        throw new Refusal(
          400,
          "Must provide 'share_group_id' as a request parameter when deleting a share in a share group.",
        );
      if (lock) throw new Refusal(403, `Resource lock/s [${lock.id}] prevent delete action.`);
      requireState(row, lost(403, 'share'));
      if (of.replica.where(isOf).length > 1)
        throw new Refusal(
          409,
          `Share ${row.id} has replicas. Remove the replicas before deleting.`,
        );
      const members = of['group-snapshot']
        .all()
        .flatMap((one) => (Array.isArray(one.members) ? one.members : []));
      if (
        of.snapshot.some(isOf) ||
        of.backup.some(isOf) ||
        members.some((one) => one.share_id === row.id)
      )
        throw lost(403, 'share');
      return begin('share', row, call, () => {
        for (const one of of.replica.where(isOf)) of.replica.delete(one.id);
      });
    })
    .on('GET', '/v2/snapshots/detail', (call) =>
      unlimited(
        call,
        'snapshots',
        ofProject('snapshot', call).map((row) => show(row)),
      ),
    )
    .on('GET', '/v2/snapshot-instances/detail', (call) => {
      const row = of.snapshot.get(call.query.get('snapshot_id') ?? '');
      return { status: 200, json: { snapshot_instances: row ? instances(row) : [] } };
    })
    .on('POST', '/v2/snapshots/:id/action', set('snapshot'))
    .on('DELETE', '/v2/snapshots/:id', (call) => {
      const row = found('snapshot', call);
      requireState(row, lost(400, 'share snapshot'), ['available', 'error']);
      return begin('snapshot', row, call);
    })
    .on('GET', '/v2/share-replicas/detail', (call) => {
      const share = call.query.get('share_id');
      const rows = of.replica.where((row) => share === null || row.share_id === share);
      return limited(
        call,
        'share_replicas',
        rows.map((row) => show(row, ['project_id', 'name'])),
      );
    })
    .on('DELETE', '/v2/share-replicas/:id', (call) => {
      const row = found('replica', call);
      const active = of.replica.where(
        (one) => one.share_id === row.share_id && one.replica_state === 'active',
      );
      if (row.replica_state === 'active' && active.length === 1)
        throw new Refusal(400, 'Cannot delete last active replica.');
      return begin('replica', row, call);
    })
    .on('GET', '/v2/share-groups/detail', (call) =>
      limited(
        call,
        'share_groups',
        ofProject('group', call).map((row) => show(row)),
      ),
    )
    .on('POST', '/v2/share-groups/:id/action', set('group'))
    .on('DELETE', '/v2/share-groups/:id', (call) => {
      const row = found('group', call);
      const holds = (resourceType: ManilaResourceType): boolean =>
        of[resourceType].some((one) => one.share_group_id === row.id);
      requireState(row, lost(409, 'share group'), ['available', 'error']);
      if (holds('share') || holds('group-snapshot')) throw lost(409, 'share group');
      return begin('group', row, call);
    })
    .on('GET', '/v2/share-group-snapshots/detail', (call) =>
      limited(
        call,
        'share_group_snapshots',
        ofProject('group-snapshot', call).map((row) => show(row)),
      ),
    )
    .on('POST', '/v2/share-group-snapshots/:id/action', set('group-snapshot'))
    .on('DELETE', '/v2/share-group-snapshots/:id', (call) => {
      const row = found('group-snapshot', call);
      requireState(row, lost(409, 'share group snapshot'), ['available', 'error']);
      return begin('group-snapshot', row, call);
    })
    .on('POST', '/v2/share-backups/:id/action', set('backup'))
    .on('DELETE', '/v2/share-backups/:id', (call) => {
      const row = found('backup', call);
      requireState(row, new Refusal(400, `Backup ${row.id} status must be available or error.`), [
        'available',
        'error',
      ]);
      return begin('backup', row, call);
    });
}
