import { createService, type Documented } from '../documented.ts';
import { type Call, Refusal, Routes } from '../http.ts';
import { uuid } from '../resource-store.ts';
import type { Project, User } from '../rows.ts';
import type { CloudState } from '../state.ts';
import { networkRoutes } from './manila-networks.ts';
import {
  type ManilaResourceType,
  type ManilaRow,
  type ManilaTables,
  openTables,
} from './manila-rows.ts';
import { shareRoutes } from './manila-shares.ts';

export { type ManilaRow, manilaIn } from './manila-rows.ts';

const FAULTS: Record<number, string> = {
  400: 'badRequest',
  403: 'forbidden',
  404: 'itemNotFound',
  409: 'conflictingRequest',
};
const HEADER = 'x-openstack-manila-api-version';
/** The microversion from which a path exists. */
const SINCE: readonly (readonly [RegExp, number])[] = [
  [/share-transfers/, 77],
  [/share-backups/, 80],
  [/resource-locks/, 81],
];

/**
 * Manila up to a microversion: `2.73` is that of Zed, `2.82` that of 2023.2. Every call must name a
 * microversion, as all real clients do.
 */
export const manilaOf = (highest: string): Documented => ({
  name: 'manila',
  endpoint: { type: 'sharev2', path: '/v2' },
  open(state) {
    const tables = openTables(state);
    const routes = new Routes();
    shareRoutes(routes, state, tables);
    networkRoutes(routes, state, tables);
    const version = {
      id: 'v2.0',
      status: 'CURRENT',
      version: highest,
      min_version: '2.0',
      links: [{ rel: 'self', href: '/v2/' }],
    };
    const front = createService(state, {
      name: 'manila',
      routes,
      open: { '/v2/': () => ({ status: 200, json: { versions: [version] } }) },
      refuse: ({ status, message, headers }) => ({
        status,
        headers,
        json: { [FAULTS[status] ?? 'computeFault']: { code: status, message } },
      }),
      headers: (call) => ({ [HEADER]: String(call.headers[HEADER] ?? '2.0'), vary: HEADER }),
    });
    return {
      ...front,
      handle(call) {
        if (call.path !== '/v2/') requireMicroversion(call, highest);
        return front.handle(call);
      },
      seed: (project, user) => seed(state, tables, project, user, minor(highest)),
    };
  },
});
export const manila = manilaOf('2.82');

const minor = (version: string): number => Number(version.split('.')[1]);

function requireMicroversion(call: Call, highest: string): void {
  const asked = String(call.headers[HEADER] ?? '2.0');
  if (minor(asked) > minor(highest))
    throw new Refusal(406, `Version ${asked} is not supported by the API.`);
  const isTooOld = SINCE.some(([path, since]) => path.test(call.path) && minor(asked) < since);
  const isUnasked =
    call.path.includes('share-backups') &&
    call.headers['x-openstack-manila-api-experimental'] !== 'true';
  if (isTooOld || isUnasked) throw new Refusal(404, 'The resource could not be found.');
  if (minor(asked) < 69) call.query.delete('is_soft_deleted');
}

/**
 * One share for each cause that can prevent its deletion, and all resources on which a share of
 * this release can depend.
 */
function seed(
  state: CloudState,
  { of, types, groupTypes }: ManilaTables,
  project: Project,
  user: User,
  release: number,
): void {
  const project_id = project.id;
  const add = (
    resourceType: ManilaResourceType,
    name: string,
    more: Partial<ManilaRow> = {},
  ): ManilaRow =>
    of[resourceType].add({
      id: uuid(),
      name,
      project_id,
      user_id: user.id,
      status: 'available',
      _created: state.clock.now(),
      ...more,
    });
  const share = (name: string, more: Partial<ManilaRow> = {}): ManilaRow =>
    add('share', name, {
      task_state: null,
      is_soft_deleted: false,
      share_group_id: null,
      share_network_id: null,
      share_server_id: null,
      ...more,
    });
  const on = (one: ManilaRow, more: Partial<ManilaRow> = {}): Partial<ManilaRow> => ({
    share_id: one.id,
    ...more,
  });
  share('plain');
  if (release >= 69) share('binned', { is_soft_deleted: true });
  share('failed', { status: 'error_deleting' });
  const snapped = share('snapped');
  add('snapshot', 'snapshot', on(snapped));
  add('snapshot', 'failed', on(snapped, { status: 'error_deleting' }));
  const replicated = share('replicated');
  for (const replica_state of ['in_sync', 'active', 'out_of_sync'])
    add('replica', replica_state, on(replicated, { replica_state }));
  if (release >= 77)
    add('transfer', 'transfer', {
      resource_id: share('offered', { status: 'awaiting_transfer' }).id,
    });
  if (release >= 80) add('backup', 'backup', on(share('saved')));
  if (release >= 81) add('lock', 'lock', { resource_id: share('locked').id, lock_reason: 'keep' });
  const group = add('group', 'group', { share_network_id: null, share_server_id: null });
  const member = share('grouped', { share_group_id: group.id });
  add('group-snapshot', 'group-snapshot', {
    share_group_id: group.id,
    members: [{ share_id: member.id }],
  });
  const directory = add('security-service', 'directory', { type: 'ldap' });
  add('security-service', 'loose', { type: 'ldap' });
  const subnets = [{ id: uuid() }, { id: uuid() }];
  const network = add('share-network', 'network', {
    status: 'active',
    share_network_subnets: subnets,
    _services: directory.id,
  });
  const server = add('share-server', 'server', {
    status: 'active',
    share_network_id: network.id,
    is_auto_deletable: true,
  });
  share('served', { share_network_id: network.id, share_server_id: server.id });
  // A replica has its own server, which its share does not show.
  const second = add('share-server', 'of a replica', {
    status: 'active',
    share_network_id: network.id,
    is_auto_deletable: true,
  });
  for (const one of of.replica.where(
    (row) => row.share_id === replicated.id && row.replica_state === 'in_sync',
  ))
    one.share_server_id = second.id;
  const type = types.get('private') ?? types.add({ id: 'private', name: 'private' });
  const groupType = groupTypes.get('private') ?? groupTypes.add({ id: 'private', name: 'private' });
  add('type-access', 'private', { id: `${type.id}/${project_id}`, type_id: type.id });
  add('group-type-access', 'private', {
    id: `${groupType.id}/${project_id}`,
    type_id: groupType.id,
  });
  add('quota', 'quota', { id: project_id, shares: 77 });
}
