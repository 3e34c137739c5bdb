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
 * shows that the code handles this load. It does not show the speed of AWS. Prints; asserts
 * nothing.
 */
const NOTIFICATIONS = Number(process.env.BENCH_STACK_NOTIFICATIONS ?? 1000);
const DELETIONS = Number(process.env.BENCH_STACK_DELETIONS ?? 10);
const MAX_WAIT_SECONDS = 600;

/** A measured propagator: the embedded engine or the deployed stack. */
interface System {
  /** Stores notifications. Returns before any of them is processed. */
  enqueue(notifications: readonly string[]): Promise<void>;
  /** Returns the number of accounts in the inventory. */
  countAccounts(): Promise<number>;
  /** Returns the newest operation about a project. */
  operationAbout(project: string): Promise<View | undefined>;
}

/** The times of the notifications, from the moment at which the bench sent them. */
interface NotificationTimes {
  readonly storedSeconds: number;
  readonly processedSeconds: number;
}

/** The results of the parallel deletions. */
interface DeletionResults {
  /** Seconds of each deletion from the first notification, in ascending order. */
  readonly sortedSeconds: readonly number[];
  readonly resources: number;
  readonly messages: number;
  /** The end state of each operation. */
  readonly states: readonly string[];
}

interface Measured extends NotificationTimes, DeletionResults {}

/** Polls until `isDone` returns true. Throws with `what` after {@link MAX_WAIT_SECONDS}. */
async function waitUntil(
  what: string,
  isDone: () => Promise<boolean>,
  everyMillis: number,
): Promise<void> {
  const deadline = Date.now() + MAX_WAIT_SECONDS * 1000;
  while (!(await isDone())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${MAX_WAIT_SECONDS} s`);
    await delay(everyMillis);
  }
}
const secondsSince = (moment: number): number => (Date.now() - moment) / 1000;

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

/** Waits until the operations about these projects have ended, and returns them. */
async function waitForEnd(system: System, projects: readonly string[]): Promise<View[]> {
  const views = new Map<string, View>();
  const projectsNotEnded = () => projects.filter((project) => !views.has(project));
  const storeIfEnded = async (project: string) => {
    const view = await system.operationAbout(project);
    if (view && (ENDED_OPERATION_STATES as readonly string[]).includes(view.operation.state))
      views.set(project, view);
  };
  const allEnded = async () => {
    for (const project of projectsNotEnded()) await storeIfEnded(project);
    return projectsNotEnded().length === 0;
  };
  await waitUntil(`the end of ${projects.length} deletions`, allEnded, 500);
  return [...views.values()];
}

/**
 * Returns the number of messages of a deletion: the notification, the account event, and two for
 * each run (the request and the report). Messages of the coordinator to itself are not counted.
 */
const messagesOf = ({ tasks }: View): number =>
  2 + tasks.reduce((sum, { run }) => sum + 2 * run, 0);

async function measure(system: System, cloud: RehearsalCloud): Promise<Measured> {
  await warmUp(system, cloud);
  const notificationTimes = await measureNotifications(system, cloud);
  return { ...notificationTimes, ...(await measureDeletions(system, cloud)) };
}

/** Deletes one project, so that the first start of every function is not measured. */
async function warmUp(system: System, cloud: RehearsalCloud): Promise<void> {
  const { id, created } = customerOf(cloud);
  await system.enqueue([created]);
  await waitUntil('the first account', async () => (await system.countAccounts()) > 0, 50);
  await system.enqueue([await deletedIn(cloud, id)]);
  await waitForEnd(system, [id]);
}

async function measureNotifications(
  system: System,
  cloud: RehearsalCloud,
): Promise<NotificationTimes> {
  const notifications = notificationsOfNewProjects(cloud, NOTIFICATIONS);
  const accountsBefore = await system.countAccounts();
  const enqueuedAt = Date.now();
  await system.enqueue(notifications);
  const storedSeconds = secondsSince(enqueuedAt);
  await waitForAccounts(system, accountsBefore + NOTIFICATIONS);
  return { storedSeconds, processedSeconds: secondsSince(enqueuedAt) };
}

const waitForAccounts = (system: System, count: number): Promise<void> =>
  waitUntil(`${count} accounts`, async () => (await system.countAccounts()) >= count, 50);

async function measureDeletions(system: System, cloud: RehearsalCloud): Promise<DeletionResults> {
  const customers = Array.from({ length: DELETIONS }, () => customerOf(cloud));
  const projects = customers.map(({ id }) => id);
  const accountsBefore = await system.countAccounts();
  await system.enqueue(customers.map(({ created }) => created));
  await waitForAccounts(system, accountsBefore + DELETIONS);
  const resources = projects.reduce(
    (sum, project) => sum + cloud.store.resources(project).length,
    0,
  );
  const deletionNotifications: string[] = [];
  for (const project of projects) deletionNotifications.push(await deletedIn(cloud, project));
  const deletedAt = Date.now();
  await system.enqueue(deletionNotifications);
  const views = await waitForEnd(system, projects);
  return {
    sortedSeconds: views
      .map(({ operation }) => ((operation.endedAt ?? Number.NaN) - deletedAt) / 1000)
      .toSorted((a, b) => a - b),
    resources,
    messages: views.reduce((sum, view) => sum + messagesOf(view), 0),
    states: views.map(({ operation }) => operation.state),
  };
}

async function measureEmbedded(cloud: RehearsalCloud): Promise<Measured> {
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
        async enqueue(notifications) {
          const body = `[${notifications.join(',')}]`;
          await propagator.api('POST', '/v1/notifications', body);
        },
        countAccounts: async () =>
          Status.parse((await propagator.api('GET', '/v1/status')).json).accounts,
        operationAbout: async (project) => (await propagator.operations({ project }))[0],
      },
      cloud,
    );
  } finally {
    await propagator.dispose();
  }
}

async function measureDeployed(cloud: RehearsalCloud): Promise<Measured> {
  const stack = await deployStack(cloud.credentials, {
    PROPAGATOR_STALL_TIMEOUT: '3s',
    PROPAGATOR_LOG_LEVEL: 'warn',
  });
  try {
    return await measure(
      {
        enqueue: (notifications) =>
          stack.send('ingest', ...notifications.map((text) => stack.notification(text))),
        countAccounts: () => stack.engine.reads.accountCount(),
        operationAbout: async (project) =>
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

/** Returns the cells of one column of the table. */
function columnOf(measured: Measured): string[] {
  const { storedSeconds, processedSeconds, sortedSeconds, resources, messages, states } = measured;
  const fastest = sortedSeconds.at(0) ?? Number.NaN;
  const median = sortedSeconds[Math.floor(sortedSeconds.length / 2)] ?? Number.NaN;
  const slowest = sortedSeconds.at(-1) ?? Number.NaN;
  const stateCounts = [...Map.groupBy(states, (state) => state)].map(
    ([state, all]) => `${all.length} ${state}`,
  );
  return [
    rate(NOTIFICATIONS, storedSeconds),
    rate(NOTIFICATIONS, processedSeconds),
    `${slowest.toFixed(1)} s, ${Math.round(resources / slowest)} resources a second`,
    `${fastest.toFixed(1)} / ${median.toFixed(1)} / ${slowest.toFixed(1)} s`,
    `${messages}: ${(messages / slowest).toFixed(1)} a second`,
    stateCounts.join(', '),
  ];
}

export async function benchStack(): Promise<void> {
  const [loadBefore = 0] = loadavg();
  const cloud = await rehearsalCloud();
  try {
    const columns = [await measureEmbedded(cloud), await measureDeployed(cloud)].map(columnOf);
    const rows = [
      `${NOTIFICATIONS} notifications without an effect: stored`,
      '  and processed, with one request to Keystone for each',
      `${DELETIONS} projects deleted at the same time: all ended`,
      '  fastest, median, slowest',
      '  messages, without the messages that the coordinator sends to itself',
      '  states at the end',
    ];
    const table = new Table({
      head: ['', 'embedded, one process', 'deployed on the emulator'],
      style: { head: [], border: [], compact: true },
    });
    table.push(...rows.map((row, n) => [row, ...columns.map((column) => column[n] ?? '')]));
    console.log(table.toString());
    console.log(
      'Deployed: one process of the emulator simulates the table, the bus and the queues. Each function runs in up to five more processes, all on this machine. The figures do not show how fast AWS is.',
    );
    // Other load on the same processors affects every result above.
    console.log(
      `Machine load before: ${loadBefore.toFixed(1)}, after: ${(loadavg()[0] ?? 0).toFixed(1)}, on ${availableParallelism()} processors.`,
    );
  } finally {
    await cloud.close();
  }
}

if (import.meta.main) await benchStack();
