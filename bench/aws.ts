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
/** The interval of the polls. Each poll is a call to DynamoDB, which the result includes. */
const POLL_MILLIS = 2_000;
const MAX_OPERATION_MILLIS = 300_000;
const SETTINGS = { PROPAGATOR_STALL_TIMEOUT: '3s', PROPAGATOR_LOG_LEVEL: 'warn' };

const UNITS_HOOK = fileURLToPath(new URL('./aws/units-hook.ts', import.meta.url));

/**
 * Deletes a project, and returns the seconds until its operation ended. `created`: the notification
 * of its creation.
 */
type DeleteProject = (created: string, project: string) => Promise<number>;

/** Measures the embedded engine. Returns the seconds of each deletion. */
async function measureEmbedded(cloud: RehearsalCloud): Promise<number[]> {
  const propagator = new Propagator('bench-aws');
  const environment = { ...cloud.credentials, ...SETTINGS, OS_CLOUD: '' };
  try {
    await propagator.start({ mode: 'enforce', broker: 'none', environment });
    return await timeDeletions(cloud, async (created, project) => {
      await propagator.api('POST', '/v1/notifications', `[${created}]`);
      await delay(1_000);
      const deleted = await deletedIn(cloud, project);
      const begunAt = Date.now();
      await propagator.api('POST', '/v1/notifications', `[${deleted}]`);
      const isEnded = (state: string) => ENDED_OPERATION_STATES.some((ended) => ended === state);
      const { operation } = await propagator.operation(
        { project },
        (view) => isEnded(view.operation.state),
        MAX_OPERATION_MILLIS / 1000,
      );
      return ((operation.endedAt ?? Number.NaN) - begunAt) / 1000;
    });
  } finally {
    await propagator.dispose();
  }
}

/**
 * Deletes `DELETIONS` + 1 projects, one after the other. Returns the seconds of each deletion
 * except the first, which has most of the cold starts.
 */
async function timeDeletions(
  cloud: RehearsalCloud,
  deleteProject: DeleteProject,
): Promise<number[]> {
  const times: number[] = [];
  for (let count = 0; count <= DELETIONS; count += 1) {
    const { id, created } = customerOf(cloud);
    times.push(await deleteProject(created, id));
  }
  return times.slice(1);
}

/**
 * The measurements of the deployed stack. Only `coldStarts.first` and `peakMegabytes` include the
 * first deletion.
 */
interface DeployedResult {
  readonly seconds: readonly number[];
  readonly invocations: readonly Invocation[];
  /** The number of calls to each service of AWS. */
  readonly callCounts: ReadonlyMap<string, number>;
  /** The largest resident memory of each function, in megabytes. */
  readonly peakMegabytes: ReadonlyMap<string, number>;
  /** Capacity units of DynamoDB, without the reads of the bench. */
  readonly units: { readonly reads: number; readonly writes: number };
  /** The cold starts in the first deletion, and on average in each other deletion. */
  readonly coldStarts: { readonly first: number; readonly others: number };
}

/** When a deletion began: the time, and the number of lines that the emulator had logged. */
interface DeletionStart {
  readonly at: number;
  readonly logLines: number;
}

/** Measures the stack on an AWS emulator. */
async function measureDeployed(cloud: RehearsalCloud): Promise<DeployedResult> {
  process.env.MINISTACK_LOG_LEVEL = 'DEBUG';
  const folder = mkdtempSync(join(tmpdir(), 'bench-aws-'));
  const unitsFile = join(folder, 'units');
  const stack = await deployStack(cloud.credentials, SETTINGS);
  try {
    const variables = {
      NODE_OPTIONS: `--enable-source-maps --import=${UNITS_HOOK}`,
      BENCH_UNITS: unitsFile,
    };
    for (const name of stack.queues) await stack.configure(name, variables);
    const starts: DeletionStart[] = [];
    const seconds = await timeDeletions(cloud, (created, project) =>
      deleteOnStack(stack, cloud, { created, project, starts }),
    );
    await delay(POLL_MILLIS);
    const [first, second] = starts;
    const lines = logOf(stack);
    const countedLines = lines.slice(second?.logLines);
    return {
      seconds,
      invocations: await invocationsSince(stack.endpoint, second?.at ?? 0),
      callCounts: callsByService(countedLines),
      units: unitsSince(unitsFile, second?.at ?? 0),
      peakMegabytes: memoryByFunction(Number(stack.emulator)),
      coldStarts: {
        first: coldStartsIn(lines.slice(first?.logLines, second?.logLines)),
        others: coldStartsIn(countedLines) / DELETIONS,
      },
    };
  } finally {
    await stack.stop();
    rmSync(folder, { recursive: true });
  }
}

/**
 * Waits until the inventory of the stack has the project, adds the start of the deletion to
 * `starts`, and deletes the project. Returns the seconds until its operation ended. Throws if the
 * operation does not end in time.
 */
async function deleteOnStack(
  stack: DeployedStack,
  cloud: RehearsalCloud,
  { created, project, starts }: { created: string; project: string; starts: DeletionStart[] },
): Promise<number> {
  await stack.send('ingest', stack.notification(created));
  while (!(await stack.engine.reads.account('project', project))) await delay(POLL_MILLIS);
  await delay(POLL_MILLIS);
  starts.push({ at: Date.now(), logLines: logOf(stack).length });
  const deleted = await deletedIn(cloud, project);
  const begunAt = Date.now();
  await stack.send('ingest', stack.notification(deleted));
  while (Date.now() - begunAt < MAX_OPERATION_MILLIS) {
    await delay(POLL_MILLIS);
    const [operation] = await stack.engine.reads.operationsAbout('project', project);
    if (operation?.endedAt !== undefined) return (operation.endedAt - begunAt) / 1000;
  }
  throw new Error(`the operation did not end in ${MAX_OPERATION_MILLIS / 1000} s`);
}

/** Counts the calls to each service of AWS in lines of the emulator's log. */
function callsByService(lines: readonly string[]): Map<string, number> {
  const calls = new Map<string, number>();
  for (const line of lines) {
    const service = /-> service=(\w+) region=/.exec(line)?.[1];
    if (service !== undefined) calls.set(service, (calls.get(service) ?? 0) + 1);
  }
  return calls;
}

const coldStartsIn = (lines: readonly string[]): number =>
  lines.filter((line) => /worker spawned for .*cold start/.test(line)).length;

/** Returns the cost of 1,000 deletions in US dollars at list prices, by service of AWS. */
function costsOf({
  invocations,
  callCounts,
  units,
}: DeployedResult): Readonly<Record<string, number>> {
  const perThousand = 1000 / DELETIONS;
  const gigabyteSeconds = invocations.reduce((sum, { name, millis }) => {
    const gigabytes = name.includes('-service-') ? 0.25 : 0.5;
    return sum + (gigabytes * millis) / 1000;
  }, 0);
  return {
    'time of Lambda': perThousand * gigabyteSeconds * PRICE.gigabyteSecond,
    'invocations of Lambda': perThousand * invocations.length * PRICE.invocation,
    EventBridge: perThousand * (callCounts.get('events') ?? 0) * PRICE.event,
    'SQS, without the polls of Lambda':
      perThousand * (callCounts.get('sqs') ?? 0) * PRICE.queueRequest,
    'DynamoDB, reads': perThousand * units.reads * PRICE.readUnit,
    'DynamoDB, writes': perThousand * units.writes * PRICE.writeUnit,
  };
}

const logOf = ({ log }: DeployedStack): string[] =>
  log === undefined ? [] : readFileSync(log, 'utf8').split('\n');
const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
const loadText = (): string => (loadavg()[0] ?? 0).toFixed(1);
const table = (...head: string[]): Table.Table =>
  new Table({ head, style: { head: [], border: [], compact: true } });

export async function benchAws(): Promise<void> {
  const cloud = await rehearsalCloud();
  try {
    const loadBefore = loadText();
    const embeddedSeconds = await measureEmbedded(cloud);
    const loadBetween = loadText();
    const deployedResult = await measureDeployed(cloud);
    const ratio = median(deployedResult.seconds) / median(embeddedSeconds);
    const secondsText = (times: readonly number[]) =>
      times.map((time) => time.toFixed(1)).join(', ');
    console.log(
      `A small deletion, one process: ${secondsText(embeddedSeconds)} s (load average ${loadBefore}, ` +
        `${loadBetween}); on the emulator: ${secondsText(deployedResult.seconds)} s (load average ` +
        `${loadBetween}, ${loadText()}): ${ratio.toFixed(2)} times`,
    );
    printDeployed(deployedResult);
  } finally {
    await cloud.close();
  }
}

/** Prints the cold starts, the invocations, the calls and the cost of the deployed stack. */
function printDeployed(result: DeployedResult): void {
  const { invocations, peakMegabytes, callCounts, units, coldStarts } = result;
  console.log(
    `Cold starts in a deletion: ${coldStarts.first} in the first, ` +
      `${coldStarts.others.toFixed(1)} in each other`,
  );
  const functions = table('function', 'invocations', 'median ms', 'longest ms', 'peak MB');
  for (const [name, invocationsOfFunction] of Map.groupBy(invocations, (one) => one.name)) {
    const durations = invocationsOfFunction.map(({ millis }) => millis);
    functions.push([
      name,
      (invocationsOfFunction.length / DELETIONS).toFixed(1),
      median(durations).toFixed(0),
      Math.max(...durations).toFixed(0),
      peakMegabytes.get(name)?.toFixed(0) ?? '',
    ]);
  }
  console.log(functions.toString());
  const services = table('service of AWS', 'calls per deletion, including those of the bench');
  for (const [service, count] of callCounts)
    services.push([service, (count / DELETIONS).toFixed(1)]);
  console.log(services.toString());
  console.log(
    `DynamoDB: ${(units.reads / DELETIONS).toFixed(0)} read units and ` +
      `${(units.writes / DELETIONS).toFixed(0)} write units in a deletion`,
  );
  const costTable = table('1,000 deletions', 'US dollars');
  const costs = Object.entries(costsOf(result));
  for (const [name, dollars] of costs) costTable.push([name, dollars.toFixed(3)]);
  costTable.push(['all', costs.reduce((sum, [, dollars]) => sum + dollars, 0).toFixed(3)]);
  console.log(costTable.toString());
}

if (import.meta.main) await benchAws();
