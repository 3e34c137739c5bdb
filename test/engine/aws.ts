import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  CreateEventBusCommand,
  EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { CreateScheduleGroupCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { CreateQueueCommand, GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { type Message, type QueueName, queueOf } from '../../events/index.ts';
import { type Aws, createAws } from '../../lib/engine/aws/clients.ts';
import { type AwsEngineOptions, openAwsEngine } from '../../lib/engine/aws/open.ts';
import { type QueueDefinition, type Topology, topologyOf } from '../../lib/engine/aws/topology.ts';
import { startEmulator } from '../../localstack/emulator.ts';
import { type AwsWorkerEngine, withEventSources } from './aws-event-source.ts';
import { unique } from './samples.ts';

export const REGION = 'eu-central-1';
export const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' };
/** Maximum receives in these tests; the template's nine would take minutes. */
export const FEW_RECEIVES = 3;
export const SCHEDULER_ROLE = 'arn:aws:iam::000000000000:role/scheduler';

/** An emulator with any number of stages. */
export class TestAws {
  readonly endpoint: string;
  readonly aws: Aws;
  readonly #end: () => Promise<void>;
  readonly #clients;

  constructor(endpoint: string, end: () => Promise<void>) {
    const config = { endpoint, region: REGION, credentials: CREDENTIALS };
    this.endpoint = endpoint;
    this.aws = createAws({ ...config, credentials: async () => CREDENTIALS });
    this.#end = end;
    this.#clients = {
      dynamodb: new DynamoDBClient(config),
      events: new EventBridgeClient(config),
      scheduler: new SchedulerClient(config),
      sqs: new SQSClient(config),
    };
  }

  static async start(): Promise<TestAws> {
    // After an interrupted run, this folder shows which emulator still runs.
    const folder = mkdtempSync(join(import.meta.dirname, '../../localstack/.ministack-'));
    const emulator = await startEmulator({ folder });
    return new TestAws(emulator.endpoint, async () => {
      await emulator.stop();
      rmSync(folder, { recursive: true });
    });
  }

  async stop(): Promise<void> {
    for (const client of Object.values(this.#clients)) client.destroy();
    await this.#end();
  }

  /** Creates table, bus, queues and rules from the same data as the template. */
  async stage(services: readonly string[] = []): Promise<TestStage> {
    const prefix = `propagator-${unique()}`;
    const topology = topologyOf(prefix, services);
    const { dynamodb, events, scheduler, sqs } = this.#clients;
    const { table, bus, scheduleGroup, undelivered } = topology;
    await dynamodb.send(
      new CreateTableCommand({
        TableName: table.name,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: Object.entries(table.attributes).map(
          ([AttributeName, AttributeType]) => ({ AttributeName, AttributeType }),
        ),
        KeySchema: keySchema(table),
        GlobalSecondaryIndexes: table.indexes.map((index) => ({
          IndexName: index.name,
          KeySchema: keySchema(index),
          Projection: { ProjectionType: index.projection },
        })),
      }),
    );
    await events.send(new CreateEventBusCommand({ Name: bus }));
    await scheduler.send(new CreateScheduleGroupCommand({ Name: scheduleGroup }));
    await sqs.send(new CreateQueueCommand({ QueueName: undelivered.name }));
    const stage = new TestStage(this, prefix, [...services]);
    for (const { queue } of topology.queues) await this.#queue(topology, queue);
    return stage;
  }

  /** Adds the queues of one more service. */
  async add(stage: TestStage, service: string): Promise<void> {
    await this.#queue(topologyOf(stage.prefix, [service]), `service-${service}`);
  }

  async #queue(topology: Topology, queue: QueueDefinition['queue']): Promise<void> {
    const { events } = this.#clients;
    const definition = topology.queues.find((one) => one.queue === queue);
    const rule = topology.rules.find((one) => one.queue === queue);
    if (!definition || !rule) throw new Error(`no definition of ${queue}`);
    const dead = await this.#create(definition.deadLetterQueue.name, {
      MessageRetentionPeriod: String(definition.deadLetterQueue.retentionSeconds),
    });
    const target = await this.#create(definition.name, {
      VisibilityTimeout: String(definition.visibilitySeconds),
      MessageRetentionPeriod: String(definition.retentionSeconds),
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: dead, maxReceiveCount: FEW_RECEIVES }),
    });
    const { name: Name, pattern } = rule;
    await events.send(
      new PutRuleCommand({
        Name,
        EventBusName: topology.bus,
        EventPattern: JSON.stringify(pattern),
      }),
    );
    await events.send(
      new PutTargetsCommand({
        Rule: Name,
        EventBusName: topology.bus,
        Targets: [{ Id: 'queue', Arn: target }],
      }),
    );
  }

  async #create(QueueName: string, Attributes: Record<string, string>): Promise<string> {
    const { sqs } = this.#clients;
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName, Attributes }));
    const made = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
    );
    return made.Attributes?.QueueArn ?? '';
  }
}

const keySchema = ({
  partitionKey,
  sortKey,
}: {
  readonly partitionKey: string;
  readonly sortKey: string;
}) => [
  { AttributeName: partitionKey, KeyType: 'HASH' as const },
  { AttributeName: sortKey, KeyType: 'RANGE' as const },
];

/** The resources of one deployment, under one prefix. */
export class TestStage {
  readonly aws: TestAws;
  readonly prefix: string;
  /** Grows when a test adds a service. */
  readonly services: string[];
  readonly #made = new Map<string, Promise<void>>();

  constructor(aws: TestAws, prefix: string, services: string[]) {
    this.aws = aws;
    this.prefix = prefix;
    this.services = services;
  }

  /**
   * Runs before the first message is sent: on AWS queues are deployed and never created on demand.
   */
  async deploy(service: string): Promise<void> {
    if (this.services.includes(service)) return;
    const made = this.#made.get(service) ?? this.aws.add(this, service);
    this.#made.set(service, made);
    await made;
    if (!this.services.includes(service)) this.services.push(service);
  }

  open(options: Partial<AwsEngineOptions> = {}): AwsWorkerEngine {
    const { aws = this.aws.aws, visibilitySeconds } = options;
    const engine = openAwsEngine({
      aws,
      prefix: this.prefix,
      services: this.services,
      schedulerRoleArn: SCHEDULER_ROLE,
      retry: { maxReceives: FEW_RECEIVES, maxDelaySeconds: 1 },
      visibilitySeconds: 30,
      ...options,
    });
    return withEventSources(engine, { aws, prefix: this.prefix, visibilitySeconds });
  }

  /** The same, for tests that add a service with every queue. */
  openWithAnyQueue(options: Partial<AwsEngineOptions> = {}): AwsWorkerEngine {
    const engine = this.open(options);
    const deploy = async (queue: QueueName) => {
      if (queue.startsWith('service-')) await this.deploy(queue.slice('service-'.length));
    };
    const deployFor = (messages: readonly Message[]) =>
      Promise.all(messages.map((message) => deploy(queueOf(message))));
    return {
      ...engine,
      reads: {
        ...engine.reads,
        hasUnfinished: async (queue) => {
          await deploy(queue);
          return engine.reads.hasUnfinished(queue);
        },
      },
      commit: async (change) => {
        await deployFor([
          ...(change.messages ?? []),
          ...(change.deadLetters ?? []).map(({ message }) => message),
        ]);
        return engine.commit(change);
      },
      work: async (queue, workOptions, handler) => {
        await deploy(queue);
        return engine.work(queue, workOptions, handler);
      },
    };
  }
}
