import { rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Table from 'cli-table3';
import { deleteQueue } from '../test/openstack/broker.ts';
import { Cloud, text } from '../test/openstack/cloud.ts';
import { describeView, isOver, Propagator, type View } from '../test/openstack/driver.ts';
import {
  type Customer,
  newPrefix,
  type PopulatedProject,
  populate,
} from '../test/openstack/populate.ts';
import { removeLeftovers } from '../test/openstack/remove-leftovers.ts';
import { bareDeletions } from './cleanup/bare.ts';
import { fillProject, type Size } from './cleanup/fill.ts';
import { describeLeft, leftIn, terminationsIn } from './cleanup/left.ts';
import { clientCommand, projectCleanup, swiftDelete, versionOf } from './cleanup/peer.ts';
import { describeCalls, describeTrace, nameOf, readTrace, TRACE_OPTION } from './cleanup/trace.ts';

/*
 * Empties equal projects of a real cloud in three ways, one after the other: keystone-propagator,
 * only DELETE calls at several concurrencies, and the newest `openstack project cleanup`. A project
 * of the size `objects` has only objects in Swift, and the newest `swift delete --all` empties it.
 * Prints the time of each way, the resources that it left at its end and 20 seconds later, and the
 * load average of the machine. For keystone-propagator it also prints a trace: the number of calls,
 * the time without a call, and the times at which servers disappeared. Asserts nothing.
 *
 * BENCH_SIZES: names of SIZES, default `small,large`.
 * BENCH_BARE: the concurrencies of the way `bare`, default `2,4,8,16`.
 * BENCH_WAYS: the ways in the order in which they run, default `ours,bare,peer`. A way may be named
 * several times.
 * BENCH_CALLS=1 also prints each call with its times.
 * BENCH_TOGETHER=10 empties ten projects of each size at the same time. The client `openstack`
 * still empties them one after the other.
 */
const listOf = (name: string, standard: string): string[] =>
  (process.env[name] ?? standard).split(',').filter((one) => one !== '');
const SIZES: readonly Size[] = [
  { name: 'small', servers: 4, volumes: 0, networks: 1 },
  { name: 'large', servers: 25, volumes: 25, networks: 10 },
  { name: 'ports', servers: 100, volumes: 0, networks: 10, ports: 200 },
  { name: 'objects', servers: 0, volumes: 0, networks: 0, objects: 20_000 },
];
const CHOSEN = listOf('BENCH_SIZES', 'small,large');
const WAYS = listOf('BENCH_WAYS', 'ours,bare,peer');
const BARE = listOf('BENCH_BARE', '2,4,8,16').map(Number);
const TOGETHER = Number(process.env.BENCH_TOGETHER ?? 1);
const CONFIRMATION_SECONDS = 1;
const LATER_MILLIS = 20_000;

interface Way {
  readonly name: string;
  /** Empties the projects. `remark` is a cell of the table; `notes` are printed below the table. */
  empty(projects: readonly PopulatedProject[]): Promise<{ remark: string; notes: string[] }>;
}

const describeSize = ({ servers, volumes, networks, ports = 0, objects }: Size): string =>
  objects === undefined
    ? `${servers} servers, ${volumes} volumes, ${networks} networks, ${ports} ports`
    : `${objects} objects`;

/** Deletes one project in Keystone and waits for the end of its operation. */
async function byPropagator(cloud: Cloud, propagator: Propagator, project: PopulatedProject) {
  await cloud.admin.call('identity', 'DELETE', `/projects/${project.id}`);
  const answered = Date.now();
  const view = await propagator.operation({ project: project.id }, isOver, 900);
  return { view, answered, over: Date.now() };
}

function serviceTimes(view: View, answered: number): string {
  const at = (time: number | null | undefined) =>
    time ? `${((time - answered) / 1000).toFixed(1)} s` : '-';
  const busy = view.tasks.filter(({ counts }) =>
    Object.values(counts).some(({ found }) => found > 0),
  );
  return busy
    .map(
      ({ service, startedAt, endedAt, run }) =>
        `${service} ${at(startedAt)} to ${at(endedAt)} in ${run} runs`,
    )
    .join('; ');
}

function ours(cloud: Cloud, propagator: Propagator, trace: string): Way {
  return {
    name: 'keystone-propagator',
    async empty(projects) {
      const from = Date.now();
      const ends = await Promise.all(
        projects.map((project) => byPropagator(cloud, propagator, project)),
      );
      const to = Date.now();
      await delay(500);
      const calls = readTrace(trace, from, to);
      const [first] = ends;
      const [project] = projects;
      if (!first || !project) return { remark: '', notes: [] };
      const deletion = calls.find(({ method }) => method === 'DELETE');
      const terminated = await terminationsIn(cloud, project.id);
      const lastServerListing = calls.findLast((call) => nameOf(call) === 'GET /servers/detail');
      const since = (at: number | undefined) =>
        at === undefined ? '-' : `${((at - from) / 1000).toFixed(2)} s`;
      return {
        remark: `${calls.length} calls`,
        notes: [
          `services: ${serviceTimes(first.view, first.answered)}`,
          `first DELETE ${since(deletion?.from)} after the request to Keystone, which includes ` +
            `${CONFIRMATION_SECONDS} s between two confirmations`,
          `Nova terminated the first server at ${since(terminated.at(0))}, the last at ` +
            `${since(terminated.at(-1))} (seconds are cut); the last listing of servers ended at ` +
            since(lastServerListing?.to),
          describeTrace(calls, from, to),
          ...(process.env.BENCH_CALLS ? [describeCalls(calls, from)] : []),
          ...(process.env.BENCH_VERBOSE ? ends.map(({ view }) => describeView(view)) : []),
        ],
      };
    },
  };
}

const bare = (atATime: number): Way => ({
  name: `bare DELETE calls, ${atATime} at a time`,
  async empty(projects) {
    await Promise.all(projects.map((project) => bareDeletions(project, atATime)));
    return { remark: '', notes: [] };
  },
});

/** The client that empties a project of this size: `openstack`, or `swift` for objects. */
function peerOf(cloud: Cloud, customer: Customer, size: Size): Way {
  const isSwift = size.objects !== undefined;
  const command = clientCommand(isSwift ? 'swift' : 'openstack');
  const empty = isSwift ? swiftDelete : projectCleanup;
  return {
    name: `${isSwift ? 'swift delete --all' : 'openstack project cleanup'} (${versionOf(command)})`,
    async empty(projects) {
      const notes: string[] = [];
      let code: number | null = 0;
      for (const project of projects) {
        const run = await empty(command, cloud, customer, project);
        code = run.code === 0 ? code : run.code;
        if (run.code !== 0) notes.push(`the last lines of the client's output:\n${run.output}`);
      }
      return { remark: `exit code ${code}`, notes };
    },
  };
}

const table = (...head: string[]) =>
  new Table({ head, style: { head: [], border: [], compact: true } });

export async function benchProjectCleanup(): Promise<void> {
  const cloud = await Cloud.connect();
  const prefix = newPrefix();
  const propagator = new Propagator(`${prefix}-propagator`);
  const trace = join(tmpdir(), `${prefix}-trace.jsonl`);
  let customer: Customer | undefined;
  try {
    const sizes = SIZES.filter(({ name }) => CHOSEN.includes(name));
    const names = WAYS.flatMap((way) => (way === 'bare' ? BARE.map((n) => `bare-${n}`) : [way]));
    // A way that is named twice gets two sets of projects.
    const fills = sizes.flatMap((size) =>
      names.flatMap((way, order) =>
        Array.from({ length: TOGETHER }, (_, n) => `${size.name}-${order}-${way}-${n}`),
      ),
    );
    const populated = await populate(
      cloud,
      Object.fromEntries(fills.map((fill) => [fill, 'empty' as const])),
      prefix,
    );
    customer = populated;
    const domains = await cloud.admin.rows('identity', '/domains', 'domains');
    const ready = await propagator.start({
      mode: 'enforce',
      protectedDomains: domains
        .map((row) => text(row, 'id'))
        .filter((id) => id !== populated.domainId),
      environment: {
        PROPAGATOR_CONFIRMATION_INTERVAL: `${CONFIRMATION_SECONDS}s`,
        PROPAGATOR_MAX_RESOURCES_PER_OPERATION: '100000',
        NODE_OPTIONS: TRACE_OPTION,
        BENCH_TRACE: trace,
      },
    });
    console.log(`the propagator was ready after ${ready} ms`);
    for (const size of sizes) {
      const result = table('', 'time', 'left at its end', 'left 20 s later', 'load', 'remark');
      const notes: string[] = [];
      for (const [order, name] of names.entries()) {
        const projects = populated.projects.filter((one) =>
          one.name.startsWith(`${size.name}-${order}-${name}-`),
        );
        for (const project of projects) await fillProject(cloud, populated, project, size);
        const way = name.startsWith('bare-')
          ? bare(Number(name.slice('bare-'.length)))
          : name === 'ours'
            ? ours(cloud, propagator, trace)
            : peerOf(cloud, populated, size);
        const load = loadavg()[0]?.toFixed(1) ?? '';
        const before = Date.now();
        const run = await way.empty(projects);
        const seconds = (Date.now() - before) / 1000;
        const left = async () =>
          describeLeft(
            Object.fromEntries(
              (await Promise.all(projects.map(({ id }) => leftIn(cloud, id)))).flatMap(
                Object.entries,
              ),
            ),
          );
        const atEnd = await left();
        await delay(LATER_MILLIS);
        const loads = `${load} to ${loadavg()[0]?.toFixed(1)}`;
        result.push([way.name, `${seconds.toFixed(1)} s`, atEnd, await left(), loads, run.remark]);
        notes.push(...run.notes);
        console.log(`${size.name}: ${way.name} ${seconds.toFixed(1)} s`);
      }
      console.log(`\n${TOGETHER} projects of ${describeSize(size)}`);
      console.log(result.toString());
      for (const note of notes) console.log(note);
    }
  } finally {
    await propagator.dispose();
    await deleteQueue(propagator.queue);
    await removeLeftovers(cloud, [prefix], customer?.projects.map(({ id }) => id) ?? []);
    rmSync(trace, { force: true });
  }
}

if (import.meta.main) await benchProjectCleanup();
