import type { Message } from '../events/index.ts';
import { alarmResources } from '../infra/aws/template/alarms.ts';
import { functionsOf } from '../infra/aws/template/functions.ts';
import { stackOf } from '../infra/aws/template/stack.ts';
import { PROGRESS_MILLIS } from '../lib/app/lambda/task-deps.ts';
import { METRIC_UNITS } from '../lib/engine/aws/lambda/metrics.ts';
import { MAX_UNROUNDED_DELAY_SECONDS } from '../lib/engine/aws/messaging/sender.ts';
import type { Change } from '../lib/engine/port.ts';
import { preferred } from '../test/dependencies.ts';
import type { Described } from '../test/property/stateful-service.ts';
import { deleted, StatefulSimulation, TARGET } from '../test/property/stateful-simulation.ts';

/**
 * The cost of a stage on AWS: `node bench/cost.ts` prints the cost tables of docs/aws.md. The
 * messages and writes of a deletion are counted with the real coordinator on a cloud in memory.
 * Alarms, queues and functions are counted in the real template.
 */

/**
 * List prices of 2026 in US dollars, us-east-1, without the free tier. Frankfurt is about 10 to
 * 25 percent more expensive. Check the current prices before planning.
 */
export const PRICE = {
  event: 1.0 / 1e6,
  archiveGigabyte: 0.1,
  queueRequest: 0.4 / 1e6,
  invocation: 0.2 / 1e6,
  /** arm64. */
  gigabyteSecond: 0.0000133334,
  writeUnit: 0.625 / 1e6,
  readUnit: 0.125 / 1e6,
  tableGigabyteMonth: 0.25 + 0.2,
  schedule: 1.0 / 1e6,
  logGigabyte: 0.5,
  alarmMonth: 0.1,
  dashboardMonth: 3.0,
  metricMonth: 0.3,
  secretMonth: 0.4,
  secretCall: 0.05 / 1e4,
  keyMonth: 1.0,
  natHour: 0.045,
  natGigabyte: 0.045,
  endpointHour: 0.01,
  vpnHour: 0.05,
} as const;

const HOURS_PER_MONTH = 730;
/**
 * Number of covered services in a typical cloud. A service that the cloud lacks gets no message.
 */
const SERVICES_IN_CLOUD = 12;
const RESOURCE_TYPES = 5;
const RESOURCES_PER_TYPE = 3;
/** Number of listings that still show a resource after its deletion was accepted. */
const LISTINGS_AFTER_DELETION = 2;
/**
 * Run time of a function per message in seconds, most of it waiting for OpenStack or for AWS.
 * `compare` is the run time of the hourly comparison of the sweep, and `init` that of a cold start.
 */
const RUN_SECONDS = {
  ingest: 1,
  coordinate: 0.2,
  service: 6,
  sweep: 1,
  compare: 30,
  init: 0.6,
} as const;
/** Calls of a function between two cold starts, assumed for a quiet cloud. */
const CALLS_PER_START = 5;
/** Availability zones of the interface endpoints. */
const AVAILABILITY_ZONES = 2;
/** Bytes of a compressed row. DynamoDB charges one write unit for each started kilobyte. */
const ROW_BYTES = { operation: 2500, tasks: 4000, outbox: 1500, other: 500 } as const;
/**
 * Lambda keeps this number of long polls open for each queue, each of at most 20 s, even if no
 * messages arrive.
 */
const POLLERS = 5;
const POLL_SECONDS = 20;
/** Size of a log line of a function, and the number of lines per message including Lambda's own. */
const LOG_BYTES = 400;
const LOG_LINES_PER_MESSAGE = 5;
/** Size of an event in the archive of the bus. */
const EVENT_BYTES = 2000;
/**
 * The number of other Keystone notifications for each deletion. The number includes changes of
 * roles and users, but no logins.
 */
const OTHER_NOTIFICATIONS = 20;

/** The messages and writes of one deletion. */
interface DeletionCounts {
  /** The number of messages of each type. */
  readonly messagesByType: Record<string, number>;
  /** The number of messages with a delay, which do not use the bus. */
  delayedMessages: number;
  /** Seconds for which functions wait before they send messages with short delays. */
  waitSeconds: number;
  commits: number;
  writeUnits: number;
}

/** Runs one deletion on a cloud in memory, and counts its messages and writes. */
async function countDeletion(): Promise<DeletionCounts> {
  const resourceTypes = Object.fromEntries(
    Array.from({ length: RESOURCE_TYPES }, (_, n) => [`type-${n}`, 'A' as const]),
  );
  const services = Array.from(
    { length: SERVICES_IN_CLOUD },
    (_, n): Described => ({
      name: `service-${String.fromCharCode(97 + n)}`,
      resourceTypes,
      dependsOn: n > 0 ? [preferred(`service-${String.fromCharCode(96 + n)}`)] : [],
    }),
  );
  const simulation = new StatefulSimulation(services, RESOURCES_PER_TYPE, LISTINGS_AFTER_DELETION);
  // A run takes simulated time, so that progress is reported as often as on AWS.
  simulation.progressMillis = PROGRESS_MILLIS;
  simulation.cloud.beforeRemoval = () => {
    simulation.engine.time += (RUN_SECONDS.service * 1000) / (RESOURCE_TYPES * RESOURCES_PER_TYPE);
  };
  const counts: DeletionCounts = {
    messagesByType: {},
    delayedMessages: 0,
    waitSeconds: 0,
    commits: 0,
    writeUnits: 0,
  };
  const commit = simulation.engine.commit.bind(simulation.engine);
  simulation.engine.commit = async (change: Change) => {
    const outcome = await commit(change);
    if (outcome === 'committed') addCommit(counts, change);
    return outcome;
  };
  simulation.cloud.delete(TARGET);
  await simulation.engine.commit({ messages: [deleted('project', TARGET) as Message] });
  await simulation.settle(5000);
  if (simulation.state !== 'finished')
    throw new Error(`the operation ended as ${simulation.state}`);
  return counts;
}

function addCommit(counts: DeletionCounts, change: Change): void {
  counts.commits += 1;
  counts.writeUnits += writeUnitsOf(change);
  for (const { type, delaySeconds } of change.messages ?? []) {
    counts.messagesByType[type] = (counts.messagesByType[type] ?? 0) + 1;
    if (!delaySeconds) continue;
    counts.delayedMessages += 1;
    if (delaySeconds <= MAX_UNROUNDED_DELAY_SECONDS) counts.waitSeconds += delaySeconds % 1;
  }
}

/**
 * Returns the write units of a change. A row that is written in a transaction counts twice. The
 * outbox is written in the transaction and deleted separately.
 */
function writeUnitsOf(change: Change): number {
  const { operations = [], tasks = [], messages = [], accounts = [], seen = [] } = change;
  const kilobytes = (bytes: number) => Math.ceil(bytes / 1024);
  const otherRows = accounts.length + seen.length + Object.keys(change.counters ?? {}).length;
  const bytes = [
    ...operations.map(() => ROW_BYTES.operation),
    ...(tasks.length > 0 ? [ROW_BYTES.tasks] : []),
    ...Array.from({ length: otherRows }, () => ROW_BYTES.other),
    ...(messages.length > 0 ? [ROW_BYTES.outbox] : []),
  ];
  const indexUnits = operations.length * 2;
  const outboxDeletion = messages.length > 0 ? kilobytes(ROW_BYTES.outbox) : 0;
  return (
    bytes.reduce((sum, rowBytes) => sum + 2 * kilobytes(rowBytes), 0) + indexUnits + outboxDeletion
  );
}

/** A row of a cost table. `basis`: the numbers from which the cost was computed. */
type CostLine = readonly [title: string, basis: string, dollars: number];

/** The memory of a function in gigabytes. */
const gigabytesOf = (name: string): number =>
  (functionsOf(stackOf('prod', {})).find((one) => one.name === name)?.memoryMegabytes ?? 512) /
  1024;

/** Returns the quantities that AWS charges for one deletion. */
function usageOf({ messagesByType, delayedMessages, waitSeconds }: DeletionCounts) {
  const messageCount = Object.values(messagesByType).reduce((sum, count) => sum + count, 0);
  const runRequests = messagesByType['service.requested'] ?? 0;
  const coordinatorMessages = messageCount - runRequests;
  const notifications = 1 + OTHER_NOTIFICATIONS;
  const invocations = notifications + messageCount;
  const serviceGigabyteSeconds = runRequests * RUN_SECONDS.service * gigabytesOf('service-nova');
  const gigabyteSeconds =
    notifications * RUN_SECONDS.ingest * gigabytesOf('ingest') +
    (coordinatorMessages * RUN_SECONDS.coordinate + waitSeconds) * gigabytesOf('coordinate') +
    serviceGigabyteSeconds;
  const busEvents = messageCount - delayedMessages;
  const logGigabytes = (invocations * LOG_LINES_PER_MESSAGE * LOG_BYTES) / 1e9;
  return { busEvents, gigabyteSeconds, invocations, logGigabytes, serviceGigabyteSeconds };
}

/** Returns the costs of 1,000 deletions by service of AWS. */
async function deletionCosts(): Promise<CostLine[]> {
  const counts = await countDeletion();
  const { commits, writeUnits } = counts;
  const { busEvents, gigabyteSeconds, invocations, logGigabytes, serviceGigabyteSeconds } =
    usageOf(counts);
  const quantity = (number: number, unit: string) => `${number.toLocaleString('en')} ${unit}`;
  const forThousand = (dollars: number) => dollars * 1000;
  return [
    [
      'EventBridge',
      `${quantity(busEvents, 'events')} per project; the archive keeps them`,
      forThousand(
        busEvents * PRICE.event + ((busEvents * EVENT_BYTES) / 1e9) * PRICE.archiveGigabyte,
      ),
    ],
    [
      'SQS',
      `${quantity(invocations, 'messages')} per project: send, receive, delete`,
      forThousand(invocations * 3 * PRICE.queueRequest),
    ],
    [
      'Lambda, INIT',
      `one cold start in ${CALLS_PER_START} calls, ${RUN_SECONDS.init} s per cold start, charged since August 2025`,
      forThousand((invocations / CALLS_PER_START) * RUN_SECONDS.init * 0.5 * PRICE.gigabyteSecond),
    ],
    [
      'Lambda, calls',
      quantity(invocations, 'per project'),
      forThousand(invocations * PRICE.invocation),
    ],
    [
      'Lambda, time',
      `${quantity(Math.round(gigabyteSeconds), 'GB-s')} per project, of which the service functions use ${Math.round((100 * serviceGigabyteSeconds) / gigabyteSeconds)} %`,
      forThousand(gigabyteSeconds * PRICE.gigabyteSecond),
    ],
    [
      'DynamoDB',
      `${quantity(commits, 'commits')} per project, ${quantity(Math.round(writeUnits), 'write units')}, half as many read units`,
      forThousand(writeUnits * PRICE.writeUnit + (writeUnits / 2) * PRICE.readUnit),
    ],
    [
      'EventBridge Scheduler',
      'one wait of more than 15 minutes per project: the grace period',
      forThousand(PRICE.schedule),
    ],
    [
      'CloudWatch Logs',
      `${Math.round(logGigabytes * 1e6)} KB per project`,
      forThousand(logGigabytes * PRICE.logGigabyte),
    ],
  ];
}

/** Returns the costs of a month, without deletions. */
function monthlyCosts(): CostLine[] {
  const stack = stackOf('prod', {});
  const queueCount = stack.topology.queues.length;
  const alarmCount = Object.keys(alarmResources(stack)).length;
  const polls = queueCount * POLLERS * ((HOURS_PER_MONTH * 3600) / POLL_SECONDS);
  const sweeps = HOURS_PER_MONTH * 12;
  const sweepSeconds = sweeps * RUN_SECONDS.sweep + HOURS_PER_MONTH * RUN_SECONDS.compare;
  const heartbeats = HOURS_PER_MONTH * 60;
  const metricCount = Object.keys(METRIC_UNITS).length;
  return [
    [
      'SQS, long polling',
      `${queueCount} queues, ${POLLERS} pollers per queue, a call every ${POLL_SECONDS} s`,
      polls * PRICE.queueRequest,
    ],
    ['alarms', String(alarmCount), alarmCount * PRICE.alarmMonth],
    [
      'own metrics',
      `${metricCount} metrics, if every hour has a deletion; ` +
        'metrics are charged only for hours with a deletion',
      metricCount * PRICE.metricMonth,
    ],
    ['dashboards', '2', 2 * PRICE.dashboardMonth],
    ['secret', '1', PRICE.secretMonth],
    [
      'sweep',
      `a call every five minutes; ${RUN_SECONDS.compare} s for the hourly comparison`,
      sweepSeconds * PRICE.gigabyteSecond + sweeps * PRICE.invocation,
    ],
    [
      "relay's heartbeat",
      'one a minute',
      heartbeats * (3 * PRICE.queueRequest + PRICE.invocation + 0.1 * 0.5 * PRICE.gigabyteSecond),
    ],
    ['DynamoDB, storage', '1 GB, with point-in-time recovery', PRICE.tableGigabyteMonth],
  ];
}

/** The monthly costs of a network, which some clouds need, and of a key of your own. */
const optionalCosts: CostLine[] = [
  ['site-to-site VPN', 'one connection', HOURS_PER_MONTH * PRICE.vpnHour],
  ['NAT gateway', 'one, 10 GB', HOURS_PER_MONTH * PRICE.natHour + 10 * PRICE.natGigabyte],
  [
    'alternative: interface endpoints',
    `SQS, EventBridge, Scheduler, Secrets Manager in ${AVAILABILITY_ZONES} zones; the endpoint of DynamoDB is free`,
    4 * AVAILABILITY_ZONES * HOURS_PER_MONTH * PRICE.endpointHour,
  ],
  ['customer-managed key', '1', PRICE.keyMonth],
];

const dollarsText = (amount: number): string => (amount < 0.005 ? '< 0.01' : amount.toFixed(2));
const sumOf = (lines: readonly CostLine[]): number =>
  lines.reduce((total, [, , amount]) => total + amount, 0);
const tableOf = (
  title: string,
  lines: readonly CostLine[],
  lastRows: readonly string[] = [],
): string =>
  [
    `| ${title} | based on | USD |`,
    '|---|---|---:|',
    ...lines.map(([name, basis, amount]) => `| ${name} | ${basis} | ${dollarsText(amount)} |`),
    ...lastRows,
  ].join('\n');
const totalRow = (lines: readonly CostLine[]): string[] => [
  `| **total** | | **${dollarsText(sumOf(lines))}** |`,
];

/** Returns the tables of docs/aws.md in markdown. */
export async function costTables(): Promise<string[]> {
  const [deletions, month] = [await deletionCosts(), monthlyCosts()];
  return [
    tableOf('for 1,000 deleted projects', deletions, totalRow(deletions)),
    tableOf('every month', month, totalRow(month)),
    tableOf('optional: a network or a key of your own', optionalCosts),
  ];
}

export async function benchCost(): Promise<void> {
  console.log((await costTables()).join('\n\n'));
}

if (import.meta.main) await benchCost();
