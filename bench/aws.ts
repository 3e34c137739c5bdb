import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { ENDED_OPERATION_STATES } from '../lib/operation/model.ts';
import { customerOf, deletedIn, rehearsalCloud } from '../test/aws/cloud.ts';
import { type DeployedStack, deployStack } from '../test/aws/stack.ts';
import type { RehearsalCloud } from '../test/cloud/cloud.ts';
import { Propagator } from '../test/openstack/driver.ts';
import { memoryByFunction } from './aws/memory.ts';
import { type Invocation, invocationsSince } from './aws/reports.ts';
import { unitsSince } from './aws/units.ts';
import { PRICE } from './cost.ts';

/**
 * Deletes small projects of a rehearsal cloud, one after the other: first with the embedded engine
 * in one process, then with the stack on an AWS emulator. Prints the time of each deletion. For the
 * stack it also prints the invocations of each function with duration and memory, the cold starts,
 * and the calls to each service of AWS. The emulator runs the functions as processes on this
 * machine. Asserts nothing.
 */
const DELETIONS = Number(process.env.BENCH_AWS_DELETIONS ?? 3);
/** The bench polls rarely, because each poll is a DynamoDB call that the result includes. */
const POLL_MILLIS = 2_000;
const AT_MOST_MILLIS = 300_000;
const SETTINGS = { PROPAGATOR_STALL_TIMEOUT: '3s', PROPAGATOR_LOG_LEVEL: 'warn' };

const HOOK = fileURLToPath(new URL('./aws/units-hook.ts', import.meta.url));

/** Deletes one project and returns the seconds until its operation ended. */
type Deletion = (created: string, id: string) => Promise<number>;

async function embedded(cloud: RehearsalCloud): Promise<number[]> {
  const propagator = new Propagator('bench-aws');
  const environment = { ...cloud.credentials, ...SETTINGS, OS_CLOUD: '' };
  try {
    await propagator.start({ mode: 'enforce', broker: 'none', environment });
    return await repeated(cloud, async (created, project) => {
      await propagator.api('POST', '/v1/notifications', `[${created}]`);
      await delay(1_000);
      const deleted = await deletedIn(cloud, project);
      const begunAt = Date.now();
      await propagator.api('POST', '/v1/notifications', `[${deleted}]`);
      const isEnded = (state: string) => ENDED_OPERATION_STATES.some((one) => one === state);
      const { operation } = await propagator.operation(
        { project },
        (view) => isEnded(view.operation.state),
        300,
      );
      return ((operation.endedAt ?? Number.NaN) - begunAt) / 1000;
    });
  } finally {
    await propagator.dispose();
  }
}

/** Returns the seconds of each deletion. The first one, with all cold starts, is left out. */
async function repeated(cloud: RehearsalCloud, deletion: Deletion): Promise<number[]> {
  const seconds: number[] = [];
  for (let count = 0; count <= DELETIONS; count += 1) {
    const { id, created } = customerOf(cloud);
    const took = await deletion(created, id);
    if (count > 0) seconds.push(took);
  }
  return seconds;
}

interface OnAws {
  readonly seconds: readonly number[];
  readonly invocations: readonly Invocation[];
  /** Calls by service of AWS. */
  readonly calls: ReadonlyMap<string, number>;
  /** The largest resident memory of each function, in megabytes. */
  readonly memory: ReadonlyMap<string, number>;
  /** Capacity units of DynamoDB, without the reads of the bench. */
  readonly units: { readonly reads: number; readonly writes: number };
  readonly coldStarts: { readonly first: number; readonly others: number };
}

async function deployed(cloud: RehearsalCloud): Promise<OnAws> {
  process.env.MINISTACK_LOG_LEVEL = 'DEBUG';
  const folder = mkdtempSync(join(tmpdir(), 'bench-aws-'));
  const file = join(folder, 'units');
  const stack = await deployStack(cloud.credentials, SETTINGS);
  try {
    const variables = {
      NODE_OPTIONS: `--enable-source-maps --import=${HOOK}`,
      BENCH_UNITS: file,
    };
    for (const name of stack.queues) await stack.configure(name, variables);
    const from: { at: number; lines: number }[] = [];
    const seconds = await repeated(cloud, async (created, project) => {
      await stack.send('ingest', stack.notification(created));
      while (!(await stack.engine.reads.account('project', project))) await delay(POLL_MILLIS);
      await delay(POLL_MILLIS);
      from.push({ at: Date.now(), lines: logOf(stack).length });
      const deleted = await deletedIn(cloud, project);
      const begunAt = Date.now();
      await stack.send('ingest', stack.notification(deleted));
      while (Date.now() - begunAt < AT_MOST_MILLIS) {
        await delay(POLL_MILLIS);
        const [operation] = await stack.engine.reads.operationsAbout('project', project);
        if (operation?.endedAt !== undefined) return (operation.endedAt - begunAt) / 1000;
      }
      throw new Error(`the operation did not end in ${AT_MOST_MILLIS / 1000} s`);
    });
    await delay(POLL_MILLIS);
    const [first, second] = from;
    const lines = logOf(stack);
    const countedLines = lines.slice(second?.lines);
    const calls = new Map<string, number>();
    for (const line of countedLines) {
      const service = /-> service=(\w+) region=/.exec(line)?.[1];
      if (service !== undefined) calls.set(service, (calls.get(service) ?? 0) + 1);
    }
    const starts = (some: readonly string[]) =>
      some.filter((line) => /worker spawned for .*cold start/.test(line)).length;
    return {
      seconds,
      invocations: await invocationsSince(stack.endpoint, second?.at ?? 0),
      calls,
      units: unitsSince(file, second?.at ?? 0),
      memory: memoryByFunction(Number(stack.emulator)),
      coldStarts: {
        first: starts(lines.slice(first?.lines, second?.lines)),
        others: starts(countedLines) / DELETIONS,
      },
    };
  } finally {
    await stack.stop();
    rmSync(folder, { recursive: true });
  }
}

/** Returns the cost of 1,000 deletions in US dollars at list prices, by service of AWS. */
function costsOf({ invocations, calls, units }: OnAws): Readonly<Record<string, number>> {
  const thousand = 1000 / DELETIONS;
  const gigabyteSeconds = invocations.reduce((sum, { name, millis }) => {
    const gigabytes = name.includes('-service-') ? 0.25 : 0.5;
    return sum + (gigabytes * millis) / 1000;
  }, 0);
  return {
    'time of Lambda': thousand * gigabyteSeconds * PRICE.gigabyteSecond,
    'invocations of Lambda': thousand * invocations.length * PRICE.invocation,
    EventBridge: thousand * (calls.get('events') ?? 0) * PRICE.events,
    'SQS, without the polls of Lambda': thousand * (calls.get('sqs') ?? 0) * PRICE.queueRequest,
    'DynamoDB, reads': thousand * units.reads * PRICE.readUnit,
    'DynamoDB, writes': thousand * units.writes * PRICE.writeUnit,
  };
}

const logOf = ({ log }: DeployedStack): string[] =>
  log === undefined ? [] : readFileSync(log, 'utf8').split('\n');
const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
const load = (): string => (loadavg()[0] ?? 0).toFixed(1);
const table = (...head: string[]): Table.Table =>
  new Table({ head, style: { head: [], border: [], compact: true } });

export async function benchAws(): Promise<void> {
  const cloud = await rehearsalCloud();
  try {
    const before = load();
    const embeddedSeconds = await embedded(cloud);
    const between = load();
    const deployedResult = await deployed(cloud);
    const ratio = median(deployedResult.seconds) / median(embeddedSeconds);
    const each = (seconds: readonly number[]) => seconds.map((one) => one.toFixed(1)).join(', ');
    console.log(
      `A small deletion, one process: ${each(embeddedSeconds)} s (load average ${before}, ${between}); on ` +
        `the emulator: ${each(deployedResult.seconds)} s (load average ${between}, ${load()}): ` +
        `${ratio.toFixed(2)} times`,
    );
    console.log(
      `Cold starts in a deletion: ${deployedResult.coldStarts.first} in the first, ` +
        `${deployedResult.coldStarts.others.toFixed(1)} in each other`,
    );
    const functions = table('function', 'invocations', 'median ms', 'longest ms', 'peak MB');
    for (const [name, all] of Map.groupBy(deployedResult.invocations, (one) => one.name)) {
      const millis = all.map((one) => one.millis);
      functions.push([
        name,
        (all.length / DELETIONS).toFixed(1),
        median(millis).toFixed(0),
        Math.max(...millis).toFixed(0),
        deployedResult.memory.get(name)?.toFixed(0) ?? '',
      ]);
    }
    console.log(functions.toString());
    const services = table('service of AWS', 'calls for each deletion, with those of the bench');
    for (const [service, count] of deployedResult.calls)
      services.push([service, (count / DELETIONS).toFixed(1)]);
    console.log(services.toString());
    const { reads, writes } = deployedResult.units;
    console.log(
      `DynamoDB: ${(reads / DELETIONS).toFixed(0)} read units and ` +
        `${(writes / DELETIONS).toFixed(0)} write units in a deletion`,
    );
    const costs = table('1,000 deletions', 'US dollars');
    const parts = Object.entries(costsOf(deployedResult));
    for (const [name, dollars] of parts) costs.push([name, dollars.toFixed(3)]);
    costs.push(['all', parts.reduce((sum, [, dollars]) => sum + dollars, 0).toFixed(3)]);
    console.log(costs.toString());
  } finally {
    await cloud.close();
  }
}

if (import.meta.main) await benchAws();
