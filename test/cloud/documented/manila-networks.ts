import * as z from 'zod';
import { finishLater } from '../documented.ts';
import { body, type Call, param, Refusal, type Routes } from '../http.ts';
import { isoMicros, type Table } from '../resource-store.ts';
import type { CloudState } from '../state.ts';
import { isAdmin, ownProject } from '../tokens.ts';
import {
  fits,
  limited,
  type ManilaResourceType,
  type ManilaRow,
  type ManilaTables,
  type ManilaType,
  show,
  wantedProject,
} from './manila-rows.ts';

const subnets = (row: ManilaRow): { id: string }[] =>
  Array.isArray(row.share_network_subnets) ? row.share_network_subnets : [];
const notFound = (): Refusal => new Refusal(404, 'The resource could not be found.');
const page = ['limit', 'offset', 'sort_key', 'sort_dir'];

export function networkRoutes(routes: Routes, state: CloudState, tables: ManilaTables): void {
  const { of } = tables;
  const found = (resourceType: ManilaResourceType, call: Call): ManilaRow => {
    const row = of[resourceType].get(param(call, 'id'));
    if (!row) throw notFound();
    return row;
  };
  const uses = (network: ManilaRow, resourceTypes: readonly ManilaResourceType[]): boolean =>
    resourceTypes.some((resourceType) =>
      of[resourceType].some((row) => row.share_network_id === network.id),
    );
  const remove = (resourceType: ManilaResourceType, row: ManilaRow, call: Call, status = 202) => {
    if (!call.endless) of[resourceType].delete(row.id);
    return { status };
  };
  const withServices = (row: ManilaRow) =>
    of['share-network'].where((one) => one._services === row.id);

  routes
    .on('GET', '/v2/share-networks/detail', (call) => {
      // An administrator must name only the project. Without the project and without `all_tenants`,
      // the list shows the caller's own project.
      const project =
        isAdmin(call.token) && call.query.has('project_id')
          ? call.query.get('project_id')
          : wantedProject(call);
      const rows = of['share-network'].where(
        (row) => project === undefined || row.project_id === project,
      );
      return limited(
        call,
        'share_networks',
        rows.map((row) => show(row)),
      );
    })
    .on('DELETE', '/v2/share-networks/:id/subnets/:subnet', (call) => {
      const row = found('share-network', call);
      const left = subnets(row).filter(({ id }) => id !== param(call, 'subnet'));
      if (left.length === subnets(row).length) throw notFound();
      if (uses(row, ['share']))
        throw new Refusal(409, `Cannot delete share network subnet, it has one or more shares.`);
      if (!call.endless) row.share_network_subnets = left;
      return { status: 202 };
    })
    .on('DELETE', '/v2/share-networks/:id', (call) => {
      const row = found('share-network', call);
      if (uses(row, ['share', 'group']))
        throw new Refusal(409, `Can not delete share network ${row.id}, it has 1 share(s).`);
      if (subnets(row).length > 1)
        throw new Refusal(409, `The share network ${row.id} has more than one subnet attached.`);
      // The servers of the share network would continue to run, and no list by their project would
      // show them.
      if (uses(row, ['share-server']))
        state.sideEffects.push(`share network ${row.id} went before its share servers`);
      return remove('share-network', row, call);
    })
    .on('GET', '/v2/share-servers', (call) => {
      if (
        [...call.query.keys()].some(
          (name) => !['project_id', 'share_network_id', 'status'].includes(name),
        )
      )
        return { status: 200, json: { share_servers: [] } };
      const rows = of['share-server'].where((row) => fits(call, row, []));
      return {
        status: 200,
        json: {
          share_servers: rows.map((row) => ({
            ...show(row, ['name']),
            updated_at: isoMicros(Number(row._deletedAt ?? 0)),
          })),
        },
      };
    })
    .on('DELETE', '/v2/share-servers/:id', (call) => {
      const row = found('share-server', call);
      if (!['active', 'error'].includes(row.status))
        throw new Refusal(403, `Share server's actual status is ${row.status}`);
      if ([...of.share.all(), ...of.replica.all()].some((one) => one.share_server_id === row.id))
        throw new Refusal(409, `Share server ${row.id} is in use.`);
      row.status = 'deleting';
      row._deletedAt = state.clock.now();
      finishLater(
        state,
        call,
        state.options.durations.documented,
        () => void of['share-server'].delete(row.id),
      );
      return { status: 202 };
    })
    .on('GET', '/v2/security-services/detail', (call) => {
      const all = isAdmin(call.token) && call.query.get('all_tenants') === '1';
      const rows = of['security-service'].where(
        (row) => all || row.project_id === ownProject(call.token),
      );
      // Manila compares every other parameter with the rows, even `limit` and `offset`, which no
      // row has.
      const listed = rows.filter((row) => fits(call, row, ['all_tenants']));
      return limited(
        call,
        'security_services',
        listed.map((row) => ({
          ...show(row),
          password: 'secret-of-the-directory',
          share_networks: withServices(row).map(({ id }) => id),
        })),
      );
    })
    .on('DELETE', '/v2/security-services/:id', (call) => {
      const row = found('security-service', call);
      if (withServices(row).length > 0)
        throw new Refusal(
          403,
          'Cannot delete security service. It is assigned to share network(s)',
        );
      return remove('security-service', row, call);
    })
    .on('GET', '/v2/resource-locks', (call) => {
      const project =
        call.query.get('project_id') ??
        (call.query.has('all_projects') ? undefined : ownProject(call.token));
      const rows = of.lock.where((row) => project === undefined || row.project_id === project);
      return limited(
        call,
        'resource_locks',
        rows.map((row) => show(row, ['status', 'name'])),
      );
    })
    .on('DELETE', '/v2/resource-locks/:id', (call) =>
      remove('lock', found('lock', call), call, 204),
    )
    .on('GET', '/v2/share-transfers/detail', (call) => {
      const filters = [...call.query.keys()].filter(
        (name) => !['all_tenants', ...page].includes(name),
      );
      const all = wantedProject(call) !== ownProject(call.token);
      const own = of.transfer.where((row) => all || row.project_id === ownProject(call.token));
      const shown = (row: ManilaRow) => ({
        ...show(row, ['project_id', 'status']),
        source_project_id: row.project_id,
      });
      // Pages and filters have an effect only if the query has at least one filter that Manila
      // knows. Manila ignores other filters.
      const source = call.query.get('source_project_id');
      if (filters.length === 0) return { status: 200, json: { transfers: own.map(shown) } };
      return limited(
        call,
        'transfers',
        own.filter((row) => source === null || row.project_id === source).map(shown),
      );
    })
    .on('DELETE', '/v2/share-transfers/:id', (call) => {
      const row = found('transfer', call);
      const share = of.share.get(String(row.resource_id));
      if (share && share.status !== 'awaiting_transfer')
        throw new Refusal(400, 'expected in awaiting_transfer state.');
      if (share && !call.endless) share.status = 'available';
      return remove('transfer', row, call, 200);
    })
    .on('GET', '/v2/share-backups/detail', (call) => {
      // Manila drops a filter by project, and the rows name no project.
      const rows = of.backup.where(
        (row) => call.query.has('all_tenants') || row.project_id === ownProject(call.token),
      );
      return limited(
        call,
        'share_backups',
        rows.map((row) => show(row, ['project_id'])),
      );
    });
  types(routes, tables.types, of['type-access'], {
    path: '/v2/types',
    key: 'share_types',
    access: 'share_type_access',
  });
  types(routes, tables.groupTypes, of['group-type-access'], {
    path: '/v2/share-group-types',
    key: 'share_group_types',
    access: 'access',
  });
  quotas(routes, of);
}

function types(
  routes: Routes,
  table: Table<ManilaType>,
  access: Table<ManilaRow>,
  how: { readonly path: string; readonly key: string; readonly access: string },
): void {
  const key = how.key === 'share_types' ? 'share_type_access' : 'share_group_type_access';
  routes
    .on('GET', how.path, () => ({ status: 200, json: { [how.key]: table.all() } }))
    .on('GET', `${how.path}/:id/${how.access}`, (call) => {
      if (!table.get(param(call, 'id'))) throw new Refusal(404, 'Share type not found.');
      const rows = access.where((row) => row.type_id === param(call, 'id'));
      return {
        status: 200,
        json: { [key]: rows.map(({ project_id, type_id }) => ({ project_id, type_id })) },
      };
    })
    .on('POST', `${how.path}/:id/action`, (call) => {
      const { removeProjectAccess } = body(
        call,
        z.object({ removeProjectAccess: z.object({ project: z.string() }) }),
      );
      const [row] = access.where(
        (one) =>
          one.type_id === param(call, 'id') && one.project_id === removeProjectAccess.project,
      );
      if (!row) throw new Refusal(404, 'Share type access not found');
      access.delete(row.id);
      return { status: 202 };
    });
}

const limits = {
  shares: 50,
  gigabytes: 1000,
  snapshots: 50,
  snapshot_gigabytes: 1000,
  share_networks: 10,
  share_groups: 50,
  share_replicas: 100,
};

function quotas(routes: Routes, of: ManilaTables['of']): void {
  const table = of.quota;
  const ownLimits = (id: string) =>
    Object.fromEntries(
      Object.entries(table.get(id) ?? {}).filter(([name]) => Object.hasOwn(limits, name)),
    );
  routes
    .on('GET', '/v2/quota-sets/:id', (call) => {
      const id = param(call, 'id');
      return { status: 200, json: { quota_set: { id, ...limits, ...ownLimits(id) } } };
    })
    .on('GET', '/v2/quota-sets/:id/detail', (call) => {
      const id = param(call, 'id');
      const all = Object.entries({ ...limits, ...ownLimits(id) });
      const shown = all.map(([name, limit]) => [name, { limit, in_use: 0, reserved: 0 }]);
      // Manila counts a backup in the project that created it.
      const created = of.backup.where((row) => row.project_id === id);
      const gigabytes = created.reduce((sum, { size }) => sum + Number(size ?? 0), 0);
      const counted = {
        backups: { limit: 10, in_use: created.length, reserved: 0 },
        backup_gigabytes: { limit: 1000, in_use: gigabytes, reserved: 0 },
      };
      return { status: 200, json: { quota_set: { id, ...Object.fromEntries(shown), ...counted } } };
    })
    .on('GET', '/v2/quota-sets/:id/defaults', (call) => ({
      status: 200,
      json: { quota_set: { id: param(call, 'id'), ...limits } },
    }))
    .on('PUT', '/v2/quota-sets/:id', (call) => {
      const id = param(call, 'id');
      const set = z.object({ quota_set: z.record(z.string(), z.number().or(z.boolean())) });
      const { force: _, ...wanted } = body(call, set).quota_set;
      const none = { id, project_id: id, status: '', name: 'quota' };
      Object.assign(table.get(id) ?? table.add(none), wanted);
      return { status: 200, json: { quota_set: { id, ...limits, ...ownLimits(id) } } };
    })
    .on('DELETE', '/v2/quota-sets/:id', (call) => {
      if (!call.endless) table.delete(param(call, 'id'));
      return { status: 202 };
    });
}
