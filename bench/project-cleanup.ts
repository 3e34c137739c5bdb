import { rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Table from 'cli-table3';
import { deleteQueue } from '../test/openstack/broker.ts';
import { Cloud, text } from '../test/openstack/cloud.ts';
import { Propagator } from '../test/openstack/driver.ts';
import {
  type Customer,
  newPrefix,
  type PopulatedProject,
  populate,
} from '../test/openstack/populate.ts';
import { removeLeftovers } from '../test/openstack/remove-leftovers.ts';
import { fillProject, type Size } from './cleanup/fill.ts';
import { countRemaining, describeCounts, sumCounts } from './cleanup/left.ts';
import { TRACE_OPTION } from './cleanup/trace.ts';
import { bareWay, CONFIRMATION_SECONDS, peerWay, propagatorWay, type Way } from './cleanup/ways.ts';

/*
 * Empties equal projects of a real cloud in three ways, one after the other: keystone-propagator,
 * only DELETE calls at several concurrencies, and the newest `openstack project cleanup`. A project
 * of the size `objects` has only objects in Swift, and the newest `swift delete --all` empties it.
 * Prints the time of each way, the resources that it left at its end and 20 seconds later, and the
 * load average of the machine. For keystone-propagator it also prints a trace: the number of calls,
 * the time without a call, and the times at which servers disappeared. Asserts nothing.
 *
 * BENCH_SIZES: names of SIZES, default `small,large`.
 * BENCH_WAYS: the ways in the order in which they run, default `ours,bare,peer`. `ours` is
 * keystone-propagator, `bare` means only DELETE calls, and `peer` is the client. A way may be named
 * several times.
 * BENCH_BARE: the concurrencies of the way `bare`, default `2,4,8,16`.
 * BENCH_CALLS=1 also prints each call with its times.
 * BENCH_TOGETHER=10 empties ten projects of each size at the same time. The client `openstack`
 * still empties them one after the other.
 */
const listFrom = (variable: string, defaultList: string): string[] =>
  (process.env[variable] ?? defaultList).split(',').filter((entry) => entry !== '');
const SIZES: readonly Size[] = [
  { name: 'small', servers: 4, volumes: 0, networks: 1 },
  { name: 'large', servers: 25, volumes: 25, networks: 10 },
  { name: 'ports', servers: 100, volumes: 0, networks: 10, ports: 200 },
  { name: 'objects', servers: 0, volumes: 0, networks: 0, objects: 20_000 },
];
const CHOSEN_SIZES = listFrom('BENCH_SIZES', 'small,large');
const WAYS = listFrom('BENCH_WAYS', 'ours,bare,peer');
const BARE_CONCURRENCIES = listFrom('BENCH_BARE', '2,4,8,16').map(Number);
/** The number of projects that are emptied at the same time. */
const PROJECTS_PER_SIZE = Number(process.env.BENCH_TOGETHER ?? 1);
/** The time between the two counts of the resources that a way left. */
const SECOND_COUNT_MILLIS = 20_000;

const describeSize = ({ servers, volumes, networks, ports = 0, objects }: Size): string =>
  objects === undefined
    ? `${servers} servers, ${volumes} volumes, ${networks} networks, ${ports} ports`
    : `${objects} objects`;

const table = (...head: string[]) =>
  new Table({ head, style: { head: [], border: [], compact: true } });

/** Returns the part of a project's name that names its size and its way. */
const projectPrefix = (size: Size, order: number, wayName: string): string =>
  `${size.name}-${order}-${wayName}-`;

/** Returns the names of the chosen ways; `bare` is one way for each concurrency. */
const wayNames = (): string[] =>
  WAYS.flatMap((way) => (way === 'bare' ? BARE_CONCURRENCIES.map((n) => `bare-${n}`) : [way]));

/** The cloud, the process and the file that all measurements use. */
interface Bench {
  readonly cloud: Cloud;
  readonly customer: Customer;
  readonly propagator: Propagator;
  readonly traceFile: string;
}

function wayOf(name: string, size: Size, { cloud, customer, propagator, traceFile }: Bench): Way {
  if (name.startsWith('bare-')) return bareWay(Number(name.slice('bare-'.length)));
  return name === 'ours'
    ? propagatorWay(cloud, propagator, traceFile)
    : peerWay(cloud, customer, size);
}

/** Fills and empties projects of one size in each way, and prints the table of this size. */
async function benchSize(size: Size, bench: Bench): Promise<void> {
  const { cloud, customer } = bench;
  const result = table('', 'time', 'left at its end', 'left 20 s later', 'load', 'remark');
  const notes: string[] = [];
  for (const [order, name] of wayNames().entries()) {
    const projects = customer.projects.filter((project) =>
      project.name.startsWith(projectPrefix(size, order, name)),
    );
    for (const project of projects) await fillProject(cloud, customer, project, size);
    const way = wayOf(name, size, bench);
    const loadBefore = loadavg()[0]?.toFixed(1) ?? '';
    const from = Date.now();
    const { endedAt, remark, notes: wayNotes } = await way.empty(projects);
    const seconds = ((endedAt - from) / 1000).toFixed(1);
    const leftAtEnd = await describeLeftIn(cloud, projects);
    await delay(SECOND_COUNT_MILLIS);
    const loads = `${loadBefore} to ${loadavg()[0]?.toFixed(1)}`;
    const leftLater = await describeLeftIn(cloud, projects);
    result.push([way.name, `${seconds} s`, leftAtEnd, leftLater, loads, remark]);
    notes.push(...wayNotes);
    console.log(`${size.name}: ${way.name} ${seconds} s`);
  }
  console.log(`\n${PROJECTS_PER_SIZE} projects of ${describeSize(size)}`);
  console.log(result.toString());
  for (const note of notes) console.log(note);
}

async function describeLeftIn(
  cloud: Cloud,
  projects: readonly PopulatedProject[],
): Promise<string> {
  const counts = await Promise.all(projects.map(({ id }) => countRemaining(cloud, id)));
  return describeCounts(sumCounts(counts));
}

/** Starts the propagator, which protects every domain except that of the bench. */
async function startPropagator({ cloud, customer, propagator, traceFile }: Bench): Promise<void> {
  const domains = await cloud.admin.rows('identity', '/domains', 'domains');
  const readyMillis = await propagator.start({
    mode: 'enforce',
    protectedDomains: domains
      .map((row) => text(row, 'id'))
      .filter((id) => id !== customer.domainId),
    environment: {
      PROPAGATOR_CONFIRMATION_INTERVAL: `${CONFIRMATION_SECONDS}s`,
      PROPAGATOR_MAX_RESOURCES_PER_OPERATION: '100000',
      NODE_OPTIONS: TRACE_OPTION,
      BENCH_TRACE: traceFile,
    },
  });
  console.log(`the propagator was ready after ${readyMillis} ms`);
}

export async function benchProjectCleanup(): Promise<void> {
  const cloud = await Cloud.connect();
  const prefix = newPrefix();
  const propagator = new Propagator(`${prefix}-propagator`);
  const traceFile = join(tmpdir(), `${prefix}-trace.jsonl`);
  let customer: Customer | undefined;
  try {
    const sizes = SIZES.filter(({ name }) => CHOSEN_SIZES.includes(name));
    // A way that is named twice gets two sets of projects.
    const projectNames = sizes.flatMap((size) =>
      wayNames().flatMap((name, order) =>
        Array.from({ length: PROJECTS_PER_SIZE }, (_, n) => projectPrefix(size, order, name) + n),
      ),
    );
    customer = await populate(
      cloud,
      Object.fromEntries(projectNames.map((name) => [name, 'empty' as const])),
      prefix,
    );
    const bench = { cloud, customer, propagator, traceFile };
    await startPropagator(bench);
    for (const size of sizes) await benchSize(size, bench);
  } finally {
    await propagator.dispose();
    await deleteQueue(propagator.queue);
    await removeLeftovers(cloud, [prefix], customer?.projects.map(({ id }) => id) ?? []);
    rmSync(traceFile, { force: true });
  }
}

if (import.meta.main) await benchProjectCleanup();
