import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { apiFetchOf } from '../../lib/cli/aws-signature.ts';
import { type Cloud, text, until } from './cloud.ts';

/** The fields of the propagator's API answers that this suite uses. */
const Count = z.object({ found: z.number(), removed: z.number(), left: z.number() });
const View = z.object({
  operation: z.looseObject({
    id: z.string(),
    state: z.string(),
    mode: z.string(),
    generation: z.number(),
    scope: z.looseObject({ type: z.string(), id: z.string() }),
    confirmedAt: z.array(z.number()),
    children: z.array(z.string()),
    hold: z.looseObject({ reason: z.string(), advice: z.string() }).nullish(),
    openedAt: z.number(),
    startedAt: z.number().nullish(),
    endedAt: z.number().nullish(),
  }),
  tasks: z.array(
    z.looseObject({
      service: z.string(),
      state: z.string(),
      run: z.number(),
      counts: z.record(z.string(), Count),
      because: z.string().nullish(),
      startedAt: z.number().nullish(),
      endedAt: z.number().nullish(),
    }),
  ),
  resources: Count,
  waitsOn: z.array(z.looseObject({ on: z.string(), since: z.number(), actor: z.string() })),
});
export type View = z.infer<typeof View>;
/** Reads the answer of `GET /v1/operations`. */
export const viewsIn = (json: unknown): View[] =>
  z.object({ operations: z.array(View) }).parse(json).operations;
const Health = z.looseObject({
  ok: z.boolean(),
  inventory: z.string().nullish(),
  relay: z.union([z.string(), z.looseObject({ connected: z.boolean() })]).nullish(),
  calls: z.record(z.string(), z.number()).optional(),
});
const Quarantine = z.object({
  total: z.number(),
  records: z.array(z.looseObject({ reason: z.string() })),
});

/**
 * The seconds within which an operation ends, even on a busy machine with 27 services. An idle
 * machine needs a fraction.
 */
export const OPERATION_SECONDS = 600;

/** The account of an operation. */
export interface OperationAccount {
  readonly project?: string;
  readonly domain?: string;
  readonly user?: string;
}

export interface PropagatorOptions {
  readonly mode: 'observe' | 'enforce';
  /** Protected domains: those of other users of this cloud. */
  readonly protectedDomains?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** The propagator gets no broker, so notifications come only through its API. */
  readonly broker?: 'none';
}

/** The command line. */
export const ENTRY = fileURLToPath(new URL('../../lib/cli/propagator.ts', import.meta.url));

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/**
 * The propagator as an operator runs it: a separate process with its own data folder. A test can
 * kill it at any moment and start it again.
 */
export class Propagator {
  readonly queue: string;
  readonly #data = mkdtempSync(`${tmpdir()}/propagator-openstack-`);
  #child: ChildProcess | undefined;
  #port = 0;

  /**
   * @param queue The name of its own queue in RabbitMQ. The queue keeps the notifications while the
   * propagator does not run.
   */
  constructor(queue: string) {
    this.queue = queue;
  }
  /** The port of the propagator's API. */
  get port(): number {
    return this.#port;
  }
  /** The variables with which a command calls the propagator's API and finds the token. */
  get commandVariables(): Record<string, string> {
    return {
      PROPAGATOR_PORT: String(this.#port),
      PROPAGATOR_API_URL: '',
      PROPAGATOR_DATA: this.#data,
    };
  }
  /**
   * Runs a command of the propagator. Returns the exit code and everything that was printed. The
   * command does not block this process, in which a proxy may have to answer at the same time.
   */
  command(...line: string[]): Promise<{ status: number; text: string }> {
    const env = { ...process.env, ...this.commandVariables };
    return new Promise((resolve) => {
      const child = execFile(process.execPath, [ENTRY, ...line], { env }, (_error, out, err) =>
        resolve({ status: child.exitCode ?? -1, text: out + err }),
      );
    });
  }
  get logFile(): string {
    return `${this.#data}.log`;
  }
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Starts the propagator, and waits until it is ready: the API answers, the broker is connected,
   * and the inventory is filled. Returns the milliseconds until then.
   */
  async start(options: PropagatorOptions): Promise<number> {
    if (this.#child !== undefined) throw new Error('the propagator already runs');
    this.#port = await freePort();
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(PROPAGATOR_|DATABASE_URL|NODE_OPTIONS|JEST_|OPENSTACK_TEST_)/.test(name),
    );
    const env = {
      ...Object.fromEntries(inherited),
      ...(options.broker === 'none'
        ? { RABBITMQ_URL: undefined }
        : { RABBITMQ_URL: options.environment?.RABBITMQ_URL ?? rabbitUrl() }),
      RABBITMQ_QUEUE: this.queue,
      PROPAGATOR_MODE: options.mode,
      PROPAGATOR_GRACE_PERIOD: '0s',
      PROPAGATOR_CONFIRMATION_INTERVAL: '1s',
      PROPAGATOR_DATA: this.#data,
      PROPAGATOR_PORT: String(this.#port),
      PROPAGATOR_PROTECTED_DOMAINS: (options.protectedDomains ?? []).join(','),
      ...options.environment,
    };
    const log = openSync(this.logFile, 'a');
    const before = Date.now();
    const child = spawn(process.execPath, [ENTRY, 'start'], { env, stdio: ['ignore', log, log] });
    closeSync(log);
    this.#child = child;
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined;
    });
    await until('the propagator is ready', 180, async () => {
      if (this.#child === undefined)
        throw new Error(`the propagator has ended:\n${this.logTail()}`);
      const health = await this.health().catch(() => undefined);
      return health?.ok && (health.inventory ?? 'filled') === 'filled' ? true : undefined;
    });
    return Date.now() - before;
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    await ended;
    this.#child = undefined;
  }
  /** Kills the propagator as the kernel does when memory is short: the process cannot clean up. */
  kill = (): Promise<void> => this.#end('SIGKILL');
  stop = (): Promise<void> => this.#end('SIGTERM');

  /** Stops the propagator and deletes its data. */
  async dispose(): Promise<void> {
    await this.stop();
    rmSync(this.#data, { recursive: true, force: true });
  }

  async api(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: string,
    token?: string,
  ): Promise<{ status: number; json: unknown }> {
    const url = `http://127.0.0.1:${this.#port}${path}`;
    const headers = { connection: 'close', 'content-type': 'application/json' };
    const init = { method, signal: AbortSignal.timeout(60_000), headers };
    const own = token === undefined ? {} : { PROPAGATOR_API_TOKEN: token };
    const send = apiFetchOf(url, { PROPAGATOR_DATA: this.#data, ...own });
    const response = await send(url, body === undefined ? init : { ...init, body });
    return { status: response.status, json: await response.json() };
  }
  health = async () => Health.parse((await this.api('GET', '/healthz')).json);
  quarantine = async () =>
    Quarantine.parse((await this.api('GET', '/v1/quarantine?limit=1000')).json);
  deadLetters = async () =>
    z
      .object({ deadLetters: z.array(z.unknown()) })
      .parse((await this.api('GET', '/v1/dead-letters')).json).deadLetters;
  async operations(account: OperationAccount): Promise<View[]> {
    const { json } = await this.api(
      'GET',
      `/v1/operations?${new URLSearchParams(Object.entries(account))}`,
    );
    return viewsIn(json);
  }

  /**
   * Waits until `isExpected` is true for the newest operation of an account. After the timeout, the
   * error shows what the operation waits on, and the end of the log.
   */
  async operation(
    account: OperationAccount,
    isExpected: (view: View) => boolean,
    seconds: number,
    everyMilliseconds = 200,
  ): Promise<View> {
    let last: View | undefined;
    const type =
      account.project !== undefined ? 'project' : account.user !== undefined ? 'user' : 'domain';
    const check = async () => {
      if (this.#child === undefined)
        throw new Error(`the propagator has ended:\n${this.logTail()}`);
      last = (await this.operations(account)).find((view) => view.operation.scope.type === type);
      return last !== undefined && isExpected(last) ? last : undefined;
    };
    return until('an operation', seconds, check, everyMilliseconds).catch((error: unknown) => {
      throw new Error(
        `${String(error)}\n${last === undefined ? 'there is none' : describeView(last)}\n${this.logTail()}`,
      );
    });
  }

  logTail = (): string => readFileSync(this.logFile, 'utf8').split('\n').slice(-25).join('\n');
}

export const isState =
  (...states: readonly string[]) =>
  (view: View): boolean =>
    states.includes(view.operation.state);

/**
 * True if the operation has ended and has verified everything that can be listed. Barbican, for
 * example, lists no resources of a deleted project.
 */
export const isOver = isState('finished', 'unverified');
/** The services whose remaining resources can no longer be listed. */
export const unreachableServices = (view: View): string[] =>
  view.tasks.filter((task) => task.state === 'unreachable').map((task) => task.service);

/** Services that list no resources of a deleted project, by the type in the catalog. */
const ONLY_WHILE_ALIVE: Readonly<Record<string, string>> = {
  'key-manager': 'barbican',
  database: 'trove',
  message: 'zaqar',
  messaging: 'zaqar',
  'nfv-orchestration': 'tacker',
  reservation: 'blazar',
  workflow: 'mistral',
  workflowv2: 'mistral',
};

/** Returns the services of this cloud in {@link ONLY_WHILE_ALIVE}, with their catalog types. */
export async function servicesOfLivingProjects(
  cloud: Cloud,
): Promise<{ type: string; service: string }[]> {
  const rows = await cloud.admin.rows('identity', '/services', 'services');
  return rows.flatMap((row) => {
    const type = text(row, 'type');
    const service = ONLY_WHILE_ALIVE[type];
    return service === undefined ? [] : [{ type, service }];
  });
}

/** Describes an operation in a few lines. */
export function describeView({ operation, tasks, resources, waitsOn }: View): string {
  const at = (time: number | null | undefined) =>
    time ? `${((time - operation.openedAt) / 1000).toFixed(1)} s` : '-';
  const lines = tasks.map(
    (task) =>
      `  ${task.service} ${task.state} ${at(task.startedAt)} to ${at(task.endedAt)} ${task.because ?? ''} ${JSON.stringify(task.counts)}`,
  );
  const waits = waitsOn.map((one) => `  waits on ${one.on} (${one.actor})`);
  const hold = operation.hold ? [`  held: ${operation.hold.reason}`] : [];
  return [
    `${operation.id} ${operation.state}, ${JSON.stringify(resources)}`,
    ...hold,
    ...lines,
    ...waits,
  ].join('\n');
}

/** Returns the counts of all services together, by resource type. */
export function countsOf(view: View): Record<string, z.infer<typeof Count>> {
  return Object.assign({}, ...view.tasks.map((task) => task.counts));
}

export function rabbitUrl(): string {
  const url = process.env.RABBITMQ_URL;
  if (!url)
    throw new Error(
      'RABBITMQ_URL is not set: this suite needs the broker that Keystone sends its notifications to',
    );
  return url;
}
