import { randomUUID } from 'node:crypto';
import { availableParallelism, loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import Table from 'cli-table3';
import * as z from 'zod';
import { ENDED } from '../lib/operation/model.ts';
import { customerOf, deletedIn, rehearsalCloud } from '../test/aws/cloud.ts';
import { deployStack } from '../test/aws/stack.ts';
import type { RehearsalCloud } from '../test/cloud/cloud.ts';
import { Propagator, type View, viewsIn } from '../test/openstack/driver.ts';

/**
 * Compares the deployed stack on the emulator with the embedded engine, one after the other, on the
 * same rehearsal cloud: notifications without an effect, and complete deletions in parallel. The
 * emulator keeps table, bus and queues in one process. It starts as many processes per function as
 * the template allows, all on this machine. The result shows how the code behaves there, and not
 * how fast AWS is. Prints; asserts nothing.
 */
const NOTIFICATIONS = Number(process.env.BENCH_STACK_NOTIFICATIONS ?? 1000);
const DELETIONS = Number(process.env.BENCH_STACK_DELETIONS ?? 10);
const AT_MOST_SECONDS = 600;

/** A propagator under measurement. */
interface Contestant {
  readonly name: string;
  /** Returns when all are stored and before any is processed. */
  hand(notifications: readonly string[]): Promise<void>;
  /** Returns the number of accounts in the inventory. */
  accounts(): Promise<number>;
  operation(project: string): Promise<View | undefined>;
}

interface Measured {
  readonly storedSeconds: number;
  readonly takenSeconds: number;
  readonly deletionsSeconds: number;
  /** Seconds of each deletion, from the first notification that was handed over. */
  readonly each: readonly number[];
  readonly resources: number;
  readonly messages: number;
  readonly states: readonly string[];
}

async function until(
  what: string,
  isSo: () => Promise<boolean>,
  everyMillis: number,
): Promise<void> {
  const last = Date.now() + AT_MOST_SECONDS * 1000;
  while (!(await isSo())) {
    if (Date.now() > last) throw new Error(`${what}: not within ${AT_MOST_SECONDS} s`);
    await delay(everyMillis);
  }
}
const since = (moment: number): number => (Date.now() - moment) / 1000;

/** Creates projects and returns the notification that Keystone sent for each. */
function came(cloud: RehearsalCloud, count: number): string[] {
  const domain = cloud.seed.makeDomain(`domain-${randomUUID()}`);
  const subscriptionState: string[] = [];
  const silence = cloud.onNotification((notification) =>
    subscriptionState.push(JSON.stringify(notification)),
  );
  for (let n = 0; n < count; n += 1) cloud.seed.makeProject(domain, `project-${n}`);
  silence();
  return subscriptionState;
}

async function ended(contestant: Contestant, projects: readonly string[]): Promise<View[]> {
  const views = new Map<string, View>();
  const missing = () => projects.filter((project) => !views.has(project));
  const look = async (project: string) => {
    const view = await contestant.operation(project);
    if (view && (ENDED as readonly string[]).includes(view.operation.state))
      views.set(project, view);
  };
  const all = async () => {
    for (const project of missing()) await look(project);
    return missing().length === 0;
  };
  await until(`the end of ${projects.length} deletions`, all, 500);
  return [...views.values()];
}

/**
 * Counts the notification and its account event, and the request and the report of each run.
 * Messages of the coordinator to itself are not counted.
 */
const messagesOf = ({ tasks }: View): number =>
  2 + tasks.reduce((sum, { run }) => sum + 2 * run, 0);

async function measure(contestant: Contestant, cloud: RehearsalCloud): Promise<Measured> {
  // The first start of every function is not counted.
  const { id: first, created } = customerOf(cloud);
  await contestant.hand([created]);
  await until('the first account', async () => (await contestant.accounts()) > 0, 50);
  await contestant.hand([await deletedIn(cloud, first)]);
  await ended(contestant, [first]);

  const notifications = came(cloud, NOTIFICATIONS);
  const before = await contestant.accounts();
  const handed = Date.now();
  await contestant.hand(notifications);
  const storedSeconds = since(handed);
  await until(
    'the inventory',
    async () => (await contestant.accounts()) >= before + NOTIFICATIONS,
    50,
  );
  const takenSeconds = since(handed);

  const customers = Array.from({ length: DELETIONS }, () => customerOf(cloud));
  const projects = customers.map(({ id }) => id);
  const known = await contestant.accounts();
  await contestant.hand(customers.map((customer) => customer.created));
  await until(
    'the new accounts',
    async () => (await contestant.accounts()) >= known + DELETIONS,
    50,
  );
  const resources = projects.reduce(
    (sum, project) => sum + cloud.world.resources(project).length,
    0,
  );
  const leaving: string[] = [];
  for (const project of projects) leaving.push(await deletedIn(cloud, project));
  const left = Date.now();
  await contestant.hand(leaving);
  const views = await ended(contestant, projects);
  const each = views
    .map(({ operation }) => ((operation.endedAt ?? Number.NaN) - left) / 1000)
    .toSorted((a, b) => a - b);
  const messages = views.reduce((sum, view) => sum + messagesOf(view), 0);
  const states = views.map(({ operation }) => operation.state);
  return {
    storedSeconds,
    takenSeconds,
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
        async hand(notifications) {
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
        hand: (notifications) =>
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
  takenSeconds,
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
    rate(NOTIFICATIONS, takenSeconds),
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
      `${NOTIFICATIONS} notifications that lead to nothing: stored`,
      '  and taken in, Keystone asked about each',
      `${DELETIONS} projects deleted at once: all ended`,
      '  the quickest, the median, the slowest',
      '  messages, without the looks of the coordinator',
      '  they ended as',
    ];
    const table = new Table({
      head: ['', 'embedded, one process', 'deployed, on the emulator'],
      style: { head: [], border: [], compact: true },
    });
    table.push(...rows.map((row, n) => [row, ...ours.map((of) => of[n] ?? '')]));
    console.log(table.toString());
    console.log(
      'Deployed: one process of the emulator is table, bus and queues, each function runs in up to five more, all on this machine. It says nothing of how fast AWS is.',
    );
    // Other load on the same processors affects every line above.
    console.log(
      `Load of the machine before: ${load.toFixed(1)}, after: ${(loadavg()[0] ?? 0).toFixed(1)}, on ${availableParallelism()} processors.`,
    );
  } finally {
    await cloud.close();
  }
}

if (import.meta.main) await benchStack();
