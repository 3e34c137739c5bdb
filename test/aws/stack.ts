import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { CloudWatchClient, DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import {
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import {
  GetScheduleCommand,
  ListSchedulesCommand,
  SchedulerClient,
} from '@aws-sdk/client-scheduler';
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import * as z from 'zod';
import type { Message, QueueName } from '../../events/index.ts';
import { stackOf } from '../../infra/aws/template/stack.ts';
import { notificationReceived } from '../../lib/account/received.ts';
import { apiFetchOf } from '../../lib/cli/aws-signature.ts';
import { createAws } from '../../lib/engine/aws/clients.ts';
import { toEventBody, toOutboundMessage } from '../../lib/engine/aws/messaging/envelope.ts';
import { Queues } from '../../lib/engine/aws/messaging/queues.ts';
import { namesOf } from '../../lib/engine/aws/names.ts';
import { type AwsEngine, openAwsEngine } from '../../lib/engine/aws/open.ts';
import { ENDED_OPERATION_STATES, type Operation } from '../../lib/operation/model.ts';
import { deploy } from '../../localstack/deploy.ts';
import {
  apiUrlOf,
  CREDENTIALS,
  emulatorEnvironment,
  outputsOf,
  REGION,
} from '../../localstack/endpoint.ts';
import { commandLine, type Typed } from './command-line.ts';
import { openStageEndpoint } from './stage-endpoint.ts';

/** One minute of an operation on AWS takes seconds here. An operator can set the same values. */
const SETTINGS = {
  PROPAGATOR_MODE: 'enforce',
  PROPAGATOR_GRACE_PERIOD: '0s',
  PROPAGATOR_CONFIRMATION_INTERVAL: '1s',
  // A removal of the stage also deletes its table.
  protectTable: 'no',
};

/** The SDK then finds no credentials on this machine. */
const NO_CREDENTIALS = {
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
  AWS_CONFIG_FILE: '/nowhere',
};

export type ApiCaller = 'none' | 'administrator' | { readonly token: string };
export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers: Headers;
}

export interface DeployedStack {
  readonly endpoint: string;
  /** The file with the log of the emulator, if {@link deployStack} started it. */
  readonly log: string | undefined;
  /** The process id of that emulator. */
  readonly emulator: string | undefined;
  /** The beginning of all names of the stage. */
  readonly prefix: string;
  /** Calls the API's function as API Gateway does. */
  api(
    method: 'GET' | 'POST',
    path: string,
    body?: object,
  ): Promise<{ status: number; body: unknown }>;
  /** The names of the functions with a queue, without the prefix. */
  readonly queues: readonly QueueName[];
  /** Invokes a function with records as SQS does. Returns its answer, or the way it ended. */
  invoke(name: string, event: object): Promise<unknown>;
  /**
   * Calls the HTTP API of the stack: without authentication, with a signature, or with a token of
   * Keystone. `POST` with a body, otherwise `GET`.
   */
  callApi(path: string, body: string | undefined, caller: ApiCaller): Promise<ApiAnswer>;
  /** Runs a command line against that API, in a separate process, with AWS credentials. */
  type(...words: string[]): Promise<Typed>;
  /** Runs a command line with these variables and without AWS credentials. */
  typeWith(env: Readonly<Record<string, string>>, ...words: string[]): Promise<Typed>;
  /** Sets a variable of a function, from its next start on. */
  configure(name: string, variables: Record<string, string>): Promise<void>;
  /** Schedules that wait, with the queue that each is for. */
  schedules(): Promise<{ target: string; at: string }[]>;
  /** Kills the process in which a function runs; false when there is none. */
  kill(name: string): boolean;
  /** Reads the deployed table and queues; receives no messages. */
  readonly engine: AwsEngine;
  /** The queue on which a relay puts notifications. */
  readonly ingestUrl: string;
  /** Puts bodies on a queue unchanged. */
  send(queue: QueueName, ...bodies: string[]): Promise<void>;
  /** A record of SQS in the form in which the propagator's messages travel. */
  body(message: Message): string;
  /** A notification as the relay puts it on the ingest queue. */
  notification(body: string): string;
  /** Waits for the end of the newest operation about a project. */
  ended(project: string, seconds?: number): Promise<Operation>;
  attributes(queue: QueueName, attributes: Record<string, string>): Promise<void>;
  /** Lowers the deliveries before a dead letter: the nine of the template take minutes. */
  redrivePolicy(queue: QueueName, maxReceiveCount: number): { RedrivePolicy: string };
  /**
   * True if the alarm for the dead letters of a queue is on: its deployed definition, compared with
   * the count of SQS.
   */
  isInAlarm(alarm: string): Promise<boolean>;
  stop(): Promise<void>;
}

/**
 * The real template on an emulator: {@link openStageEndpoint}. `login`: the `OS_*` variables of its secret.
 * `settings`: added to {@link SETTINGS}, or replacing them.
 */
export async function deployStack(
  login: Readonly<Record<string, string>>,
  settings: Readonly<Record<string, string>> = {},
): Promise<DeployedStack> {
  const place = await openStageEndpoint();
  const { endpoint, stage } = place;
  try {
    const parameters = { ...SETTINGS, ...settings };
    await deploy({ endpoint, stage, parameters });
    const config = { endpoint, region: REGION, credentials: CREDENTIALS };
    const stack = stackOf(stage, parameters);
    const outputs = await outputsOf(endpoint, stage);
    const apiUrl = `https://${outputs.HttpApiId}.execute-api.${REGION}.amazonaws.com`;
    const names = namesOf(stack.prefix);
    const secrets = new SecretsManagerClient(config);
    await secrets.send(
      new PutSecretValueCommand({
        SecretId: outputs.SecretArn,
        SecretString: JSON.stringify(login),
      }),
    );
    secrets.destroy();
    const aws = createAws({ ...config, credentials: async () => CREDENTIALS });
    const engine = openAwsEngine({
      aws,
      prefix: stack.prefix,
      services: stack.services.map(({ name }) => name),
      outboxGraceMillis: Number.POSITIVE_INFINITY,
    });
    const queues = new Queues(aws);
    const body = (message: Message) => toEventBody(toOutboundMessage(message, Date.now()));
    const urlOf = async (queue: QueueName) =>
      (await aws.sqs('GetQueueUrl', { QueueName: names.queue(queue) })).QueueUrl ?? '';
    return {
      endpoint,
      log: place.log,
      emulator: place.emulator,
      prefix: stack.prefix,
      engine,
      ingestUrl: await urlOf('ingest'),
      body,
      notification: (text) =>
        body(
          notificationReceived(Buffer.from(text), {
            id: randomUUID(),
            source: 'rabbitmq:notifications.info',
            receivedAt: Date.now(),
          }),
        ),
      send: (queue, ...bodies) =>
        queues.send(
          names.queue(queue),
          bodies.map((one) => ({ body: one })),
        ),
      ended: (project, seconds = 60) => operationEnded(engine, project, seconds),
      redrivePolicy: (queue, maxReceiveCount) => ({
        RedrivePolicy: JSON.stringify({
          deadLetterTargetArn: `arn:aws:sqs:${REGION}:000000000000:${names.deadLetterQueue(queue)}`,
          maxReceiveCount,
        }),
      }),
      isInAlarm: (alarm) => isInAlarm(config, `${names.table}-${alarm}`, queues),
      async attributes(queue, Attributes) {
        const sqs = new SQSClient(config);
        await sqs.send(new SetQueueAttributesCommand({ QueueUrl: await urlOf(queue), Attributes }));
        sqs.destroy();
      },
      queues: stack.topology.queues.map(({ queue }) => queue),
      invoke: (name, event) => invoke(config, `${names.table}-${name}`, event),
      callApi: (path, text, caller) => callApi(apiUrlOf(endpoint, outputs), path, text, caller),
      type: (...words) => commandLine(apiUrl, emulatorEnvironment(endpoint), words),
      typeWith: (env, ...words) =>
        commandLine(apiUrl, { ...env, AWS_ENDPOINT_URL: endpoint, ...NO_CREDENTIALS }, words),
      configure: (name, variables) => configure(config, `${names.table}-${name}`, variables),
      schedules: () => schedulesOf(config, names.scheduleGroup),
      api: (method, path, input) => apiOf(config, names.table, method, path, input),
      kill: (name) => killFunction(`${names.table}-${name}`, place.emulator),
      stop: () => place.close(),
    };
  } catch (error) {
    // The first error has the reason. A stage that was not created cannot be removed either.
    await place.close().catch(() => undefined);
    throw error;
  }
}

async function operationEnded(
  { reads }: AwsEngine,
  project: string,
  seconds: number,
): Promise<Operation> {
  const until = Date.now() + seconds * 1000;
  for (;;) {
    const [operation] = await reads.operationsAbout('project', project);
    if (operation && ENDED_OPERATION_STATES.includes(operation.state)) return operation;
    if (Date.now() > until) {
      const tasks = operation ? await reads.tasks(operation.id) : [];
      const open = tasks.filter(({ endedAt }) => endedAt === undefined);
      throw new Error(
        `${project} has not ended within ${seconds} s: ${operation?.state}, ${open.map((task) => `${task.service} ${task.state}`)}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const Answer = z.object({ statusCode: z.number(), body: z.string() });

/**
 * MiniStack 1.5.33 evaluates alarms without their dimensions, and has no metrics of SQS. One dead
 * letter would start the alarms of all queues, or none. The test therefore evaluates the alarm
 * itself.
 */
async function isInAlarm(config: Config, name: string, queues: Queues): Promise<boolean> {
  const cloudwatch = new CloudWatchClient(config);
  const { MetricAlarms = [] } = await cloudwatch.send(
    new DescribeAlarmsCommand({ AlarmNames: [name] }),
  );
  cloudwatch.destroy();
  const [alarm] = MetricAlarms;
  const of =
    alarm &&
    `${alarm.Namespace} ${alarm.MetricName} ${alarm.ComparisonOperator} ${alarm.EvaluationPeriods}`;
  const [dimension] = alarm?.Dimensions ?? [];
  if (
    of !== 'AWS/SQS ApproximateNumberOfMessagesVisible GreaterThanThreshold 1' ||
    dimension?.Name !== 'QueueName'
  )
    throw new Error(`${name} is no alarm about the dead letters of a queue: ${of}`);
  return (await queues.depth(dimension.Value ?? '')).ready > (alarm?.Threshold ?? Number.NaN);
}

type Config = ConstructorParameters<typeof LambdaClient>[0] & object;

async function invoke(config: Config, FunctionName: string, event: object): Promise<unknown> {
  const lambda = new LambdaClient(config);
  const { Payload } = await lambda.send(
    new InvokeCommand({ FunctionName, Payload: Buffer.from(JSON.stringify(event)) }),
  );
  lambda.destroy();
  return JSON.parse(Buffer.from(Payload ?? []).toString('utf8'));
}

async function apiOf(config: Config, prefix: string, method: string, path: string, input?: object) {
  const [rawPath, rawQueryString = ''] = path.split('?');
  const event = {
    version: '2.0',
    rawPath,
    rawQueryString,
    headers: { host: 'api.example.org', 'content-type': 'application/json' },
    requestContext: {
      domainName: 'api.example.org',
      requestId: 'request-of-the-test',
      http: { method, path: rawPath },
      authorizer: { iam: { userArn: 'arn:aws:iam::000000000000:user/operator' } },
    },
    body: input && JSON.stringify(input),
    isBase64Encoded: false,
  };
  const answer = await invoke(config, `${prefix}-api`, event);
  const { statusCode, body } = Answer.parse(answer);
  return { status: statusCode, body: JSON.parse(body) as unknown };
}

async function callApi(
  base: string,
  path: string,
  body: string | undefined,
  caller: ApiCaller,
): Promise<ApiAnswer> {
  // The signed call must not log in when the API asks for a token.
  const logIn = () => Promise.reject(new Error('this caller has no login in Keystone'));
  const call =
    caller === 'administrator'
      ? apiFetchOf(base, { AWS_REGION: REGION }, async () => CREDENTIALS, fetch, logIn)
      : fetch;
  const answer = await call(`${base}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      'content-type': 'application/json',
      ...(typeof caller === 'string' ? {} : { 'x-auth-token': caller.token }),
    },
    ...(body === undefined ? {} : { body }),
  });
  return { status: answer.status, headers: answer.headers, body: await answer.text() };
}

async function configure(
  config: Config,
  FunctionName: string,
  more: Record<string, string>,
): Promise<void> {
  const lambda = new LambdaClient(config);
  const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const Variables = { ...Environment?.Variables, ...more };
  await lambda.send(
    new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }),
  );
  lambda.destroy();
}

async function schedulesOf(config: Config, GroupName: string) {
  const scheduler = new SchedulerClient(config);
  const { Schedules = [] } = await scheduler.send(new ListSchedulesCommand({ GroupName }));
  const whole = await Promise.all(
    Schedules.map(({ Name }) => scheduler.send(new GetScheduleCommand({ GroupName, Name }))),
  );
  scheduler.destroy();
  return whole.map(({ Target, ScheduleExpression = '' }) => ({
    target: Target?.Arn ?? '',
    at: ScheduleExpression,
  }));
}

/**
 * Functions run as processes below the emulator, if it is known. A variable of each process has the
 * name of the function.
 */
function killFunction(name: string, emulator: string | undefined): boolean {
  const children = readdirSync('/proc').filter(
    (pid) => /^\d+$/.test(pid) && (emulator === undefined || parentOf(pid) === emulator),
  );
  const running = children.filter((pid) =>
    environmentOf(pid).includes(`AWS_LAMBDA_FUNCTION_NAME=${name}`),
  );
  for (const pid of running) process.kill(Number(pid), 'SIGKILL');
  return running.length > 0;
}
const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The process has already ended.
    return '';
  }
};
const parentOf = (pid: string): string | undefined =>
  /\nPPid:\t(\d+)/.exec(read(`/proc/${pid}/status`))?.[1];
const environmentOf = (pid: string): string[] => read(`/proc/${pid}/environ`).split('\0');
