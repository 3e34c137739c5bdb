import { spawn } from 'node:child_process';
import Table from 'cli-table3';
import pLimit from 'p-limit';
import { deleteQueue } from '../test/openstack/broker.ts';
import { Cloud, text } from '../test/openstack/cloud.ts';
import { describeView, isOver, Propagator, type View } from '../test/openstack/driver.ts';
import { attach, flavorAccess, server } from '../test/openstack/populate/compute.ts';
import { image } from '../test/openstack/populate/images.ts';
import { make, named, type SeedProject } from '../test/openstack/populate/seed.ts';
import { volume } from '../test/openstack/populate/storage.ts';
import {
  type Customer,
  newPrefix,
  type PopulatedProject,
  populate,
} from '../test/openstack/populate.ts';
import { sweepUp } from '../test/openstack/remove-leftovers.ts';
import {
  counts,
  linesOf,
  type Snapshot,
  settledSnapshot,
  snapshot,
} from '../test/openstack/snapshot.ts';

/**
 * Compares two equal projects on a real cloud: one is emptied by this project, the other by
 * `openstack project cleanup` of python-openstackclient. Prints the duration of each and the
 * resources that each left. Asserts nothing. The peer logs in as a plain member of its project:
 * with the admin role it was seen deleting resources of other projects.
 */
const size = (name: string, standard: number) => Number(process.env[name] ?? standard);
const SERVERS = size('BENCH_SERVERS', 25);
const VOLUMES = size('BENCH_VOLUMES', 25);
const NETWORKS = size('BENCH_NETWORKS', 10);
const APART_SECONDS = 1;

function seedProjectOf(cloud: Cloud, customer: Customer, project: PopulatedProject): SeedProject {
  const { prefix, lent, member: memberUser } = customer;
  const neighbor = { id: lent.projectId, session: cloud.admin };
  return {
    prefix,
    admin: cloud.admin,
    member: project.session,
    memberUser,
    project,
    neighbor,
    lent,
    extensions: new Set(),
    lacking: new Map(),
  };
}

/**
 * Servers are spread over the networks, and all networks are on one router. The first half of the
 * volumes is attached.
 */
async function fillProject(seedProject: SeedProject): Promise<void> {
  await flavorAccess(seedProject);
  const atATime = pLimit(6);
  const numbers = (length: number) => Array.from({ length }, (_, n) => n);
  const imageRef = await image(seedProject, 'image');
  const router = await make(seedProject.member, 'network', '/routers', 'router', {
    name: named(seedProject, 'router'),
    external_gateway_info: { network_id: seedProject.lent.externalNetworkId },
  });
  const networks = await Promise.all(
    numbers(NETWORKS).map((n) =>
      atATime(async () => {
        const network = await make(seedProject.member, 'network', '/networks', 'network', {
          name: named(seedProject, `network-${n}`),
        });
        const body = {
          network_id: network.id,
          name: named(seedProject, `subnet-${n}`),
          cidr: `10.${n}.0.0/24`,
          ip_version: 4,
        };
        const subnet = await make(seedProject.member, 'network', '/subnets', 'subnet', body);
        const json = { subnet_id: subnet.id };
        await seedProject.member.call(
          'network',
          'PUT',
          `/routers/${router.id}/add_router_interface`,
          { json },
        );
        return network.id;
      }),
    ),
  );
  const volumes = Promise.all(
    numbers(VOLUMES).map((n) => atATime(() => volume(seedProject, `volume-${n}`))),
  );
  const servers = Promise.all(
    numbers(SERVERS).map((n) =>
      atATime(() => {
        const uuid = networks[n % networks.length];
        return server(seedProject, `server-${n}`, {
          imageRef,
          networks: uuid === undefined ? 'none' : [{ uuid }],
        });
      }),
    ),
  );
  const [volumeIds, serverIds] = await Promise.all([volumes, servers]);
  const attached = volumeIds.slice(0, Math.floor(Math.min(volumeIds.length, serverIds.length) / 2));
  await Promise.all(
    attached.map((id, n) => atATime(() => attach(seedProject, serverIds[n] ?? '', id))),
  );
}

/**
 * Runs the peer as a member of its project. Returns seconds, exit code and the last lines of its
 * output.
 */
function projectCleanup(
  cloud: Cloud,
  customer: Customer,
  project: PopulatedProject,
): Promise<{ seconds: number; code: number | null; output: string }> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^OS_|^NODE_|^JEST_/.test(name),
  );
  const env = {
    ...Object.fromEntries(inherited),
    OS_AUTH_URL: cloud.authUrl,
    OS_IDENTITY_API_VERSION: '3',
    OS_USERNAME: `${customer.prefix}-member`,
    OS_USER_DOMAIN_NAME: customer.prefix,
    OS_PASSWORD: customer.member.password,
    OS_PROJECT_ID: project.id,
    ...(cloud.region === undefined ? {} : { OS_REGION_NAME: cloud.region }),
  };
  const before = Date.now();
  const command = process.env.OPENSTACK_COMMAND ?? 'openstack';
  const child = spawn(command, ['project', 'cleanup', '--auth-project'], {
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end('y\n');
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    output += String(chunk);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      resolve({
        seconds: (Date.now() - before) / 1000,
        code,
        output: output.split('\n').slice(-6).join('\n'),
      }),
    );
  });
}

/** Deletes the project in Keystone and waits until the propagator reports that it is empty. */
async function byPropagator(cloud: Cloud, propagator: Propagator, project: PopulatedProject) {
  const callsBefore = (await propagator.health()).calls ?? {};
  const before = Date.now();
  await cloud.admin.call('identity', 'DELETE', `/projects/${project.id}`);
  const answered = Date.now();
  const view = await propagator.operation({ project: project.id }, isOver, 900);
  const seconds = (Date.now() - before) / 1000;
  const callsAfter = (await propagator.health()).calls ?? {};
  const calls = Object.fromEntries(
    Object.entries(callsAfter).map(([service, count]) => [
      service,
      count - (callsBefore[service] ?? 0),
    ]),
  );
  const toFirst = ((view.operation.startedAt ?? Number.NaN) - answered) / 1000;
  return { seconds, view, calls, toFirst, answered };
}

/**
 * Leaves out resources that Keystone's own deletion removes, and rows that are only sums over other
 * resources.
 */
const owned = (now: Snapshot, id: string) =>
  Object.fromEntries(
    Object.entries(counts(now, id)).filter(
      ([resourceType]) =>
        !resourceType.startsWith('keystone.') && resourceType !== 'placement.usage',
    ),
  );
const table = (...head: string[]) =>
  new Table({ head, style: { head: [], border: [], compact: true } });
const removedOf = (view: View, service: string) =>
  Object.values(view.tasks.find((task) => task.service === service)?.counts ?? {}).reduce(
    (sum, count) => sum + count.removed,
    0,
  );

export async function benchProjectCleanup(): Promise<void> {
  const cloud = await Cloud.connect();
  const prefix = newPrefix();
  const propagator = new Propagator(`${prefix}-propagator`);
  let ids: string[] = [];
  try {
    const customer = await populate(cloud, { ours: 'empty', theirs: 'empty' }, prefix);
    ids = customer.projects.map((project) => project.id);
    const [ours, theirs] = customer.projects;
    if (ours === undefined || theirs === undefined)
      throw new Error('the customer must have two projects');
    console.log(
      `filling two projects with ${SERVERS} servers, ${VOLUMES} volumes, ${NETWORKS} networks each`,
    );
    for (const project of customer.projects)
      await fillProject(seedProjectOf(cloud, customer, project));
    const before = await settledSnapshot(cloud, ids, customer.userIds);
    const domains = await cloud.admin.rows('identity', '/domains', 'domains');
    const protectedDomains = domains
      .map((row) => text(row, 'id'))
      .filter((id) => id !== customer.domainId);
    const ready = await propagator.start({
      mode: 'enforce',
      protectedDomains,
      environment: { PROPAGATOR_CONFIRMATION_INTERVAL: `${APART_SECONDS}s` },
    });
    const mine = await byPropagator(cloud, propagator, ours);
    const between = await snapshot(cloud, ids, customer.userIds);
    await propagator.stop();
    const untouched =
      linesOf(between, theirs.id).join('\n') === linesOf(before, theirs.id).join('\n');
    const peer = await projectCleanup(cloud, customer, theirs);
    // The peer does not wait for all deletions that it requested.
    const after = await settledSnapshot(cloud, ids, customer.userIds);

    const result = table('', 'keystone-propagator', 'openstack project cleanup');
    result.push([
      'wall time',
      `${mine.seconds.toFixed(1)} s`,
      `${peer.seconds.toFixed(1)} s, exit code ${peer.code}`,
    ]);
    const [had, oursNow, theirsNow] = [
      owned(before, ours.id),
      owned(between, ours.id),
      owned(after, theirs.id),
    ];
    for (const [resourceType, count] of Object.entries(had)) {
      result.push([
        `left of ${count} ${resourceType}`,
        oursNow[resourceType] ?? 0,
        theirsNow[resourceType] ?? 0,
      ]);
    }
    result.push([
      'the other project',
      untouched ? 'exactly as before' : 'CHANGED',
      'already deleted',
    ]);
    console.log(result.toString());
    const beyond = mine.toFirst - APART_SECONDS;
    console.log(
      `ready after ${ready} ms; first removal ${beyond.toFixed(2)} s after Keystone's answer, beyond the ${APART_SECONDS} s between two confirmations`,
    );
    const calls = table(
      'service',
      'calls',
      'removed',
      'calls per removal',
      'minimum',
      'started (s)',
      'ended (s)',
      'runs',
    );
    for (const [service, count] of Object.entries(mine.calls)) {
      const removed = removedOf(mine.view, service);
      const task = mine.view.tasks.find((one) => one.service === service);
      const at = (time: number | null | undefined) =>
        time ? ((time - mine.answered) / 1000).toFixed(1) : '-';
      const least = service === 'swift' ? 'less than 1' : '1 and a listing';
      const each = removed > 0 ? (count / removed).toFixed(2) : '-';
      calls.push([
        service,
        count,
        removed,
        each,
        least,
        at(task?.startedAt),
        at(task?.endedAt),
        task?.run ?? '-',
      ]);
    }
    console.log(calls.toString());
    console.log(describeView(mine.view));
    console.log(`the last lines of the peer's output:\n${peer.output}`);
  } finally {
    await propagator.dispose();
    await deleteQueue(propagator.queue);
    await sweepUp(cloud, [prefix], ids);
  }
}

if (import.meta.main) await benchProjectCleanup();
