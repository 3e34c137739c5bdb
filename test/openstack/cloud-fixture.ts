import { deleteQueue } from './broker.ts';
import { Cloud, text } from './cloud.ts';
import { Propagator, type PropagatorOptions } from './driver.ts';
import { type Customer, type Fill, newPrefix, populate } from './populate.ts';
import { removeLeftovers } from './remove-leftovers.ts';
import {
  linesOf,
  type Snapshot,
  settledSnapshot,
  snapshot,
  survivors,
  unwaivedLeftovers,
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
  start(how: PropagatorOptions): Promise<number>;
  /** Ids of all domains except those of this fixture. Other programs use the cloud at the same time. */
  domainsOfOthers(): Promise<string[]>;
  /** Deletes a project in Keystone. Returns the epoch milliseconds of Keystone's answer. */
  deleteProject(name: string): Promise<number>;
  /**
   * Returns the rest of a deleted project: resources that it owns or that name it now, and
   * resources that it owned and that still exist with any owner. Resources that the cloud itself
   * refuses to remove, even for an administrator, are left out and printed.
   */
  remaining(now: Snapshot, name: string): Promise<string[]>;
  /**
   * Lines of every project that was not named, before and now, without those that name a deleted
   * project.
   */
  others(now: Snapshot, ...deleted: string[]): { before: string[]; now: string[] };
  strike(): Promise<void>;
}

/**
 * Cinder before 2026.2 asks Keystone for the project before it removes a default type, and answers
 * 404 if the project is gone: the row stays.
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
  const strike = async () => {
    await propagator.dispose();
    await deleteQueue(queue);
    if (process.env.OPENSTACK_TEST_KEEP === '1') return console.log(`kept: ${prefixes.join(' ')}`);
    const left = await removeLeftovers(cloud, prefixes, known);
    if (left.length > 0) console.log(`could not be removed:\n${left.join('\n')}`);
  };
  let known: string[] = [];
  try {
    const [customer, control] = await Promise.all([
      populate(cloud, fills, prefixes[0], parents),
      populate(cloud, { still: controlFill }, prefixes[1]),
    ]);
    const projects = [...customer.projects, ...control.projects];
    known = projects.map((project) => project.id);
    const users = [...customer.userIds, ...control.userIds];
    for (const [resourceType, reason] of customer.lacking)
      console.log(`this cloud lacks ${resourceType}: ${reason}`);
    const before = await settledSnapshot(cloud, known, users);
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
      strike,
      snapshot: (settled = false) => (settled ? settledSnapshot : snapshot)(cloud, known, users),
      start: async (how) => propagator.start({ protectedDomains: await domainsOfOthers(), ...how }),
      domainsOfOthers,
      async deleteProject(name) {
        await cloud.admin.call('identity', 'DELETE', `/projects/${idOf(name)}`);
        return Date.now();
      },
      async remaining(now, name) {
        const id = idOf(name);
        const lines = [...new Set([...unwaivedLeftovers(now, id), ...survivors(before, now, id)])];
        const fixed =
          lines.some((line) => line.startsWith('cinder.default-type ')) &&
          (await keepsDefaultType(cloud, id));
        if (fixed)
          console.log(
            `this Cinder does not remove the default volume type of a project that is gone: ${name} keeps it`,
          );
        return lines.filter((line) => !(fixed && line.startsWith('cinder.default-type ')));
      },
      others(now, ...deleted) {
        const gone = deleted.map(idOf);
        const rest = known.filter((id) => !gone.includes(id));
        const lines = (all: Snapshot) => rest.flatMap((id) => linesOf(all, id, gone));
        return { before: lines(before), now: lines(now) };
      },
    };
  } catch (error) {
    await strike();
    throw error;
  }
}
