import { randomUUID } from 'node:crypto';
import { availableParallelism, loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import Table from 'cli-table3';
import * as z from 'zod';
import { ENDED_OPERATION_STATES } from '../lib/operation/model.ts';
import { customerOf, deletedIn, rehearsalCloud } from '../test/aws/cloud.ts';
import { deployStack } from '../test/aws/stack.ts';
import type { RehearsalCloud } from '../test/cloud/cloud.ts';
import { Propagator, type View, viewsIn } from '../test/openstack/driver.ts';

/**
 * Compares the embedded engine with the stack that is deployed on an AWS emulator, on the same
 * rehearsal cloud. Measures each of them with notifications that start no operation, and then with
 * complete deletions in parallel. The emulator keeps table, bus and queues in one process. It
 * starts as many processes per function as the template allows, all on this machine. The result
 * shows the behavior of the code, and not the speed of AWS. Prints; asserts nothing.
 */
const NOTIFICATIONS = Number(process.env.BENCH_STACK_NOTIFICATIONS ?? 1000);
const DELETIONS = Number(process.env.BENCH_STACK_DELETIONS ?? 10);
const AT_MOST_SECONDS = 600;

/** A propagator under measurement. */
interface System {
  readonly name: string;
  /** Stores notifications. Returns before any of them is processed. */
  enqueue(notifications: readonly string[]): Promise<void>;
  /** Returns the number of accounts in the inventory. */
  accounts(): Promise<number>;
  operation(project: string): Promise<View | undefined>;
}

interface Measured {
  readonly storedSeconds: number;
  readonly processedSeconds: number;
  readonly deletionsSeconds: number;
  /** Seconds of each deletion, from the first notification. */
  readonly each: readonly number[];
  readonly resources: number;
  readonly messages: number;
  readonly states: readonly string[];
}

async function until(
  what: string,
  isDone: () => Promise<boolean>,
  everyMillis: number,
): Promise<void> {
  const deadline = Date.now() + AT_MOST_SECONDS * 1000;
  while (!(await isDone())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${AT_MOST_SECONDS} s`);
    await delay(everyMillis);
  }
}
const since = (moment: number): number => (Date.now() - moment) / 1000;

/** Creates projects and returns the notification that Keystone sent for each. */
function notificationsOfNewProjects(cloud: RehearsalCloud, count: number): string[] {
  const domain = cloud.seed.makeDomain(`domain-${randomUUID()}`);
  const notifications: string[] = [];
  const unsubscribe = cloud.onNotification((notification) =>
    notifications.push(JSON.stringify(notification)),
  );
  for (let n = 0; n < count; n += 1) cloud.seed.makeProject(domain, `project-${n}`);
  unsubscribe();
  return notifications;
}

async function waitForEnd(system: System, projects: readonly string[]): Promise<View[]> {
  const views = new Map<string, View>();
  const missing = () => projects.filter((project) => !views.has(project));
  const check = async (project: string) => {
    const view = await system.operation(project);
    if (view && (ENDED_OPERATION_STATES as readonly string[]).includes(view.operation.state))
      views.set(project, view);
  };
  const allEnded = async () => {
    for (const project of missing()) await check(project);
    return missing().length === 0;
  };
  await until(`the end of ${projects.length} deletions`, allEnded, 500);
  return [...views.values()];
}

/**
 * Returns the number of messages of a deletion: the notification, the account event, and two for
 * each run (the request and the report). Messages of the coordinator to itself are not counted.
 */
const messagesOf = ({ tasks }: View): number =>
  2 + tasks.reduce((sum, { run }) => sum + 2 * run, 0);

async function measure(system: System, cloud: RehearsalCloud): Promise<Measured> {
  // The first start of every function is not counted.
  const { id: first, created } = customerOf(cloud);
  await system.enqueue([created]);
  await until('the first account', async () => (await system.accounts()) > 0, 50);
  await system.enqueue([await deletedIn(cloud, first)]);
  await waitForEnd(system, [first]);

  const notifications = notificationsOfNewProjects(cloud, NOTIFICATIONS);
  const before = await system.accounts();
  const enqueuedAt = Date.now();
  await system.enqueue(notifications);
  const storedSeconds = since(enqueuedAt);
  await until('the inventory', async () => (await system.accounts()) >= before + NOTIFICATIONS, 50);
  const processedSeconds = since(enqueuedAt);

  const customers = Array.from({ length: DELETIONS }, () => customerOf(cloud));
  const projects = customers.map(({ id }) => id);
  const accountsBefore = await system.accounts();
  await system.enqueue(customers.map((customer) => customer.created));
  await until(
    'the new accounts',
    async () => (await system.accounts()) >= accountsBefore + DELETIONS,
    50,
  );
  const resources = projects.reduce(
    (sum, project) => sum + cloud.store.resources(project).length,
    0,
  );
  const deletionNotifications: string[] = [];
  for (const project of projects) deletionNotifications.push(await deletedIn(cloud, project));
  const deletedAt = Date.now();
  await system.enqueue(deletionNotifications);
  const views = await waitForEnd(system, projects);
  const each = views
    .map(({ operation }) => ((operation.endedAt ?? Number.NaN) - deletedAt) / 1000)
    .toSorted((a, b) => a - b);
  const messages = views.reduce((sum, view) => sum + messagesOf(view), 0);
  const states = views.map(({ operation }) => operation.state);
  return {
    storedSeconds,
    processedSeconds,
    deletionsSeconds: each.at(-1) ?? Number.NaN,
    each,
    resources,
    messages,
    states,
  };
}

async function embedded(cloud: RehearsalCloud): Promise<Measured> {
  const propagator = new Propagator('bench-stack');
  const environment = {
    ...cloud.credentials,
    OS_CLOUD: '',
    RABBITMQ_URL: '',
    PROPAGATOR_LOG_LEVEL: 'warn',
    PROPAGATOR_STALL_TIMEOUT: '3s',
  };
  const Status = z.object({ accounts: z.number() });
  try {
    await propagator.start({ mode: 'enforce', environment });
    return await measure(
      {
        name: 'embedded',
        async enqueue(notifications) {
          const body = `[${notifications.join(',')}]`;
          await propagator.api('POST', '/v1/notifications', body);
        },
        accounts: async () =>
          Status.parse((await propagator.api('GET', '/v1/status')).json).accounts,
        operation: async (project) => (await propagator.operations({ project }))[0],
      },
      cloud,
    );
  } finally {
    await propagator.dispose();
  }
}

async function deployed(cloud: RehearsalCloud): Promise<Measured> {
  const stack = await deployStack(cloud.credentials, {
    PROPAGATOR_STALL_TIMEOUT: '3s',
    PROPAGATOR_LOG_LEVEL: 'warn',
  });
  try {
    return await measure(
      {
        name: 'deployed',
        enqueue: (notifications) =>
          stack.send('ingest', ...notifications.map((text) => stack.notification(text))),
        accounts: () => stack.engine.reads.accountCount(),
        operation: async (project) =>
          viewsIn((await stack.api('GET', `/v1/operations?project=${project}`)).body)[0],
      },
      cloud,
    );
  } finally {
    await stack.stop();
  }
}

const rate = (count: number, seconds: number): string =>
  `${seconds.toFixed(1)} s, ${Math.round(count / seconds)} a second`;
function column({
  storedSeconds,
  processedSeconds,
  deletionsSeconds,
  each,
  resources,
  messages,
  states,
}: Measured): string[] {
  const median = each[Math.floor(each.length / 2)] ?? Number.NaN;
  const counted = [...new Set(states)].map(
    (state) => `${states.filter((one) => one === state).length} ${state}`,
  );
  return [
    rate(NOTIFICATIONS, storedSeconds),
    rate(NOTIFICATIONS, processedSeconds),
    `${deletionsSeconds.toFixed(1)} s, ${Math.round(resources / deletionsSeconds)} resources a second`,
    `${(each[0] ?? Number.NaN).toFixed(1)} / ${median.toFixed(1)} / ${deletionsSeconds.toFixed(1)} s`,
    `${messages}: ${(messages / deletionsSeconds).toFixed(1)} a second`,
    counted.join(', '),
  ];
}

export async function benchStack(): Promise<void> {
  const [load = 0] = loadavg();
  const cloud = await rehearsalCloud();
  try {
    const ours = [await embedded(cloud), await deployed(cloud)].map(column);
    const rows = [
      `${NOTIFICATIONS} notifications without an effect: stored`,
      '  and processed, with one request to Keystone for each',
      `${DELETIONS} projects deleted at the same time: all ended`,
      '  fastest, median, slowest',
      '  messages, without those of the coordinator to itself',
      '  states at the end',
    ];
    const table = new Table({
      head: ['', 'embedded, one process', 'deployed on the emulator'],
      style: { head: [], border: [], compact: true },
    });
    table.push(...rows.map((row, n) => [row, ...ours.map((of) => of[n] ?? '')]));
    console.log(table.toString());
    console.log(
      'Deployed: one process of the emulator is the table, the bus and the queues. Each function runs in up to five more processes, all on this machine. The figures do not show how fast AWS is.',
    );
    // Other load on the same processors affects every result above.
    console.log(
      `Machine load before: ${load.toFixed(1)}, after: ${(loadavg()[0] ?? 0).toFixed(1)}, on ${availableParallelism()} processors.`,
    );
  } finally {
    await cloud.close();
  }
}

if (import.meta.main) await benchStack();
