import { deleteQueue } from './broker.ts';
import { Cloud, text } from './cloud.ts';
import { Propagator, type PropagatorOptions } from './driver.ts';
import { type Customer, type Fill, newPrefix, populate } from './populate.ts';
import { removeLeftovers } from './remove-leftovers.ts';
import {
  leftoverLabels,
  linesOf,
  type Snapshot,
  settledSnapshot,
  snapshot,
  survivors,
} from './snapshot.ts';

/** A cloud with customers and a propagator, for the tests of one file. */
export interface CloudFixture {
  readonly cloud: Cloud;
  readonly propagator: Propagator;
  /** The tests delete its projects. */
  readonly customer: Customer;
  /** Its projects are never deleted and must not change. */
  readonly control: Customer;
  /** The snapshot before the first deletion. */
  readonly before: Snapshot;
  idOf(name: string): string;
  /** Returns the current snapshot. If `settled`, it repeats until two snapshots are equal. */
  snapshot(settled?: boolean): Promise<Snapshot>;
  /** Starts the propagator. Returns the milliseconds until it is ready. */
  start(options: PropagatorOptions): Promise<number>;
  /**
   * Returns the ids of all domains except those of this fixture, because other programs use the
   * cloud at the same time.
   */
  domainsOfOthers(): Promise<string[]>;
  /** Deletes a project in Keystone. Returns the epoch milliseconds of Keystone's answer. */
  deleteProject(name: string): Promise<number>;
  /**
   * Returns the remaining resources of a deleted project: the resources that it owns now, those
   * that name it now, and those that it owned before and that still exist with any owner. A
   * resource that the cloud does not remove even for an administrator is printed and left out.
   */
  remainingResources(now: Snapshot, name: string): Promise<string[]>;
  /**
   * Returns the lines of every project that is not in `deleted`, before the first deletion and now.
   * Lines that name a deleted project are left out.
   */
  linesOfOtherProjects(now: Snapshot, ...deleted: string[]): { before: string[]; now: string[] };
  /** Stops the propagator, and removes its queue, its data and the customers. */
  tearDown(): Promise<void>;
}

/**
 * Removes the default volume type of a deleted project. Returns true if Cinder keeps it: before
 * 2026.2, Cinder first asks Keystone for the project, and answers 404 if the project is gone.
 */
async function keepsDefaultType({ admin }: Cloud, projectId: string): Promise<boolean> {
  const withoutProject = admin.endpoint('volume').replace(`/${admin.projectId}`, '');
  const answer = await admin.call(
    'volume',
    'DELETE',
    `${withoutProject}/default-types/${projectId}`,
    { accept: [404] },
  );
  return answer.status === 404;
}

/**
 * Creates the fixture: fills the customer's projects and one control project in its own domain.
 * `parents` names the parent of each nested project of the customer.
 */
export async function openCloudFixture(
  fills: Readonly<Record<string, Fill>>,
  controlFill: Fill = 'simple',
  parents: Readonly<Record<string, string>> = {},
): Promise<CloudFixture> {
  const cloud = await Cloud.connect();
  const prefixes = [newPrefix(), newPrefix()] as const;
  const queue = `${prefixes[0]}-propagator`;
  const propagator = new Propagator(queue);
  const tearDown = async () => {
    await propagator.dispose();
    await deleteQueue(queue);
    if (process.env.OPENSTACK_TEST_KEEP === '1') return console.log(`kept: ${prefixes.join(' ')}`);
    const left = await removeLeftovers(cloud, prefixes, projectIds);
    if (left.length > 0) console.log(`could not be removed:\n${left.join('\n')}`);
  };
  let projectIds: string[] = [];
  try {
    const [customer, control] = await Promise.all([
      populate(cloud, fills, prefixes[0], parents),
      populate(cloud, { still: controlFill }, prefixes[1]),
    ]);
    const projects = [...customer.projects, ...control.projects];
    projectIds = projects.map((project) => project.id);
    const users = [...customer.userIds, ...control.userIds];
    for (const [resourceType, reason] of customer.lacking)
      console.log(`this cloud lacks ${resourceType}: ${reason}`);
    const before = await settledSnapshot(cloud, projectIds, users);
    const idOf = (name: string) => {
      const found = projects.find((project) => project.name === name);
      if (found === undefined) throw new Error(`no project ${name}`);
      return found.id;
    };
    const domainsOfOthers = async () => {
      const domains = await cloud.admin.rows('identity', '/domains', 'domains');
      return domains
        .map((row) => text(row, 'id'))
        .filter((id) => id !== customer.domainId && id !== control.domainId);
    };
    return {
      cloud,
      propagator,
      customer,
      control,
      before,
      idOf,
      tearDown,
      snapshot: (settled = false) =>
        (settled ? settledSnapshot : snapshot)(cloud, projectIds, users),
      start: async (options) =>
        propagator.start({ protectedDomains: await domainsOfOthers(), ...options }),
      domainsOfOthers,
      async deleteProject(name) {
        await cloud.admin.call('identity', 'DELETE', `/projects/${idOf(name)}`);
        return Date.now();
      },
      async remainingResources(now, name) {
        const id = idOf(name);
        const lines = [...new Set([...leftoverLabels(now, id), ...survivors(before, now, id)])];
        const isTypeKept =
          lines.some((line) => line.startsWith('cinder.default-type ')) &&
          (await keepsDefaultType(cloud, id));
        if (isTypeKept)
          console.log(
            `this Cinder does not remove the default volume type of a project that is gone: ${name} keeps it`,
          );
        return lines.filter((line) => !(isTypeKept && line.startsWith('cinder.default-type ')));
      },
      linesOfOtherProjects(now, ...deleted) {
        const deletedIds = deleted.map(idOf);
        const otherIds = projectIds.filter((id) => !deletedIds.includes(id));
        const linesIn = (all: Snapshot) => otherIds.flatMap((id) => linesOf(all, id, deletedIds));
        return { before: linesIn(before), now: linesIn(now) };
      },
    };
  } catch (error) {
    await tearDown();
    throw error;
  }
}
