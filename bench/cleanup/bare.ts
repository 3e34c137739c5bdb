import { setTimeout as delay } from 'node:timers/promises';
import pLimit, { type LimitFunction } from 'p-limit';
import { type Row, type ServiceKey, text } from '../../test/openstack/cloud.ts';
import type { PopulatedProject } from '../../test/openstack/populate.ts';

/** Milliseconds between two listings of the resources whose deletion is asynchronous. */
const LISTING_MILLIS = 1000;
/** Answers about a resource that is already gone (404) or still in use (409) are not errors. */
const ACCEPTED_STATUSES = [404, 409];

/**
 * Empties a project as a short script would, with the login of a member of the project. It sends at
 * most `concurrency` DELETE calls at the same time, and removes the resource types in the order that
 * the services enforce. It lists servers and volumes once a second until they are gone, and does
 * not verify the result.
 */
export async function bareDeletions(project: PopulatedProject, concurrency: number): Promise<void> {
  const deletion = new BareDeletion(project, concurrency);
  // Volumes that are not attached are removed immediately. The other volumes are removed after the
  // servers are gone.
  await Promise.all([
    deletion.removeAll('compute', '/servers', 'servers'),
    deletion.removeFreeVolumes(),
  ]);
  await deletion.waitForServers();
  await Promise.all([
    deletion.removeVolumes(),
    deletion.removeAll('image', `/images?owner=${project.id}`, 'images'),
    deletion.removeNetworks(),
  ]);
}

/** The deletion of the resources of one project, with one limit for all DELETE calls. */
class BareDeletion {
  readonly #project: PopulatedProject;
  readonly #limit: LimitFunction;

  constructor(project: PopulatedProject, concurrency: number) {
    this.#project = project;
    this.#limit = pLimit(concurrency);
  }

  /** Lists the resources of a collection once, and sends a DELETE call for each. */
  async removeAll(service: ServiceKey, path: string, key: string): Promise<void> {
    const rows = await this.#ownRows(service, path, key);
    const [collection = ''] = path.split('?');
    await this.#remove(
      service,
      rows.map((row) => `${collection}/${text(row, 'id')}`),
    );
  }

  async waitForServers(): Promise<void> {
    while ((await this.#ownRows('compute', '/servers', 'servers')).length > 0)
      await delay(LISTING_MILLIS);
  }

  /** Removes the volumes that are not attached. */
  async removeFreeVolumes(): Promise<void> {
    const free = (await this.#volumes()).filter(({ status }) => status === 'available');
    await this.#remove(
      'volume',
      free.map((volume) => `/volumes/${text(volume, 'id')}`),
    );
  }

  /** Removes volumes until none is left. */
  async removeVolumes(): Promise<void> {
    for (;;) {
      await this.removeFreeVolumes();
      if ((await this.#volumes()).length === 0) return;
      await delay(LISTING_MILLIS);
    }
  }

  /** Removes routers with their interfaces, then free ports, then networks. */
  async removeNetworks(): Promise<void> {
    for (const router of await this.#ownRows('network', '/routers', 'routers'))
      await this.#removeRouter(text(router, 'id'));
    const ports = await this.#ownRows('network', '/ports', 'ports');
    const free = ports.filter((port) => !text(port, 'device_owner').startsWith('network:'));
    await this.#remove(
      'network',
      free.map((port) => `/ports/${text(port, 'id')}`),
    );
    await this.removeAll('network', '/networks', 'networks');
  }

  #volumes(): Promise<Row[]> {
    return this.#ownRows('volume', '/volumes/detail', 'volumes');
  }

  async #removeRouter(id: string): Promise<void> {
    const { session } = this.#project;
    const ports = await session.rows('network', `/ports?device_id=${id}`, 'ports');
    await Promise.all(
      ports.map((port) =>
        this.#limit(() =>
          session.call('network', 'PUT', `/routers/${id}/remove_router_interface`, {
            json: { port_id: text(port, 'id') },
            accept: ACCEPTED_STATUSES,
          }),
        ),
      ),
    );
    await session.call('network', 'DELETE', `/routers/${id}`, { accept: ACCEPTED_STATUSES });
  }

  /** Lists a collection, and returns the rows of the project. */
  async #ownRows(service: ServiceKey, path: string, key: string): Promise<Row[]> {
    const { session, id } = this.#project;
    return (await session.rows(service, path, key)).filter(
      (row) => (row.project_id ?? row.tenant_id ?? row.owner ?? id) === id,
    );
  }

  async #remove(service: ServiceKey, paths: readonly string[]): Promise<void> {
    await Promise.all(
      paths.map((path) =>
        this.#limit(() =>
          this.#project.session.call(service, 'DELETE', path, { accept: ACCEPTED_STATUSES }),
        ),
      ),
    );
  }
}
