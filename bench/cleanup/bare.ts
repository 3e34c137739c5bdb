import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import { type Row, type ServiceKey, text } from '../../test/openstack/cloud.ts';
import type { PopulatedProject } from '../../test/openstack/populate.ts';

/** Milliseconds between two listings of the resources whose deletion is asynchronous. */
const LISTING_MILLIS = 1000;

/**
 * Empties a project as a short script would: with DELETE calls, at most `atATime` of them at the
 * same time, in the order of resource types that the services enforce. Lists servers and volumes
 * once a second. Does not verify the result. The login is that of a member of the project.
 */
export async function bareDeletions(project: PopulatedProject, atATime: number): Promise<void> {
  const { session, id: projectId } = project;
  const limit = pLimit(atATime);
  const owned = async (service: ServiceKey, path: string, key: string): Promise<Row[]> =>
    (await session.rows(service, path, key)).filter(
      (row) => (row.project_id ?? row.tenant_id ?? row.owner ?? projectId) === projectId,
    );
  const remove = (service: ServiceKey, paths: readonly string[]): Promise<unknown> =>
    Promise.all(
      paths.map((path) =>
        limit(() => session.call(service, 'DELETE', path, { accept: [404, 409] })),
      ),
    );
  const removeListed = async (service: ServiceKey, path: string, key: string): Promise<number> => {
    const rows = await owned(service, path, key);
    const [plain = ''] = path.split('?');
    await remove(
      service,
      rows.map((row) => `${plain.replace(/\/detail$/, '')}/${text(row, 'id')}`),
    );
    return rows.length;
  };
  const untilGone = async (service: ServiceKey, path: string, key: string): Promise<void> => {
    while ((await owned(service, path, key)).length > 0) await delay(LISTING_MILLIS);
  };
  const volumes = async (): Promise<void> => {
    const rows = await owned('volume', '/volumes/detail', 'volumes');
    const free = rows.filter((row) => row.status === 'available');
    await remove(
      'volume',
      free.map((row) => `/volumes/${text(row, 'id')}`),
    );
  };

  // Volumes that are not attached are removed immediately. The other volumes are removed after the
  // servers are gone.
  await Promise.all([removeListed('compute', '/servers', 'servers'), volumes()]);
  await untilGone('compute', '/servers', 'servers');
  await Promise.all([
    (async () => {
      for (;;) {
        await volumes();
        if ((await owned('volume', '/volumes/detail', 'volumes')).length === 0) break;
        await delay(LISTING_MILLIS);
      }
    })(),
    removeListed('image', `/images?owner=${projectId}`, 'images'),
    (async () => {
      for (const router of await owned('network', '/routers', 'routers')) {
        const id = text(router, 'id');
        const ports = await session.rows('network', `/ports?device_id=${id}`, 'ports');
        await Promise.all(
          ports.map((port) =>
            limit(() =>
              session.call('network', 'PUT', `/routers/${id}/remove_router_interface`, {
                json: { port_id: text(port, 'id') },
                accept: [404, 409],
              }),
            ),
          ),
        );
        await session.call('network', 'DELETE', `/routers/${id}`, { accept: [404, 409] });
      }
      const ports = await owned('network', '/ports', 'ports');
      const free = ports.filter((port) => !text(port, 'device_owner').startsWith('network:'));
      await remove(
        'network',
        free.map((port) => `/ports/${text(port, 'id')}`),
      );
      await removeListed('network', '/networks', 'networks');
    })(),
  ]);
}
