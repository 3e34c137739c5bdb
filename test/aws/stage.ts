import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Message, QueueName } from '../../events/index.ts';
import { notificationReceived } from '../../lib/account/received.ts';
import { createAws } from '../../lib/engine/aws/call.ts';
import { bodyOf, parcelOf } from '../../lib/engine/aws/envelope.ts';
import { namesOf } from '../../lib/engine/aws/names.ts';
import { type AwsEngine, openAwsEngine } from '../../lib/engine/aws/open.ts';
import { Queues } from '../../lib/engine/aws/queues.ts';
import { stackOf } from '../../lib/engine/aws/template/stack.ts';
import { ENDED, type Operation } from '../../lib/operation/model.ts';
import { deploy, surroundings } from '../../localstack/deploy.ts';
import { startEmulator } from '../../localstack/emulator.ts';
import { type RehearsalCloud, startCloud } from '../cloud/cloud.ts';

const REGION = 'eu-central-1';
const STAGE = 'test';
const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' };
/** A minute of an operation on AWS as seconds here; what they say is what an operator sets. */
const SETTINGS = {
  PROPAGATOR_MODE: 'enforce',
  PROPAGATOR_GRACE: '0s',
  PROPAGATOR_CONFIRM_APART: '1s',
  PROPAGATOR_PATIENCE: '3s',
} as const;

export interface AwsStage {
  readonly endpoint: string;
  readonly cloud: RehearsalCloud;
  /** Looks into the deployed table and queues; takes no messages. */
  readonly engine: AwsEngine;
  readonly queues: Queues;
  readonly names: ReturnType<typeof namesOf>;
  /** Puts bodies on a queue as they are. */
  send(queue: QueueName, ...bodies: string[]): Promise<void>;
  /** A record of SQS as a message of ours travels in. */
  body(message: Message): string;
  /** A notification as the relay puts it on the ingest queue. */
  notification(body: string): string;
  /** Waits for the end of the newest operation about a project. */
  ended(project: string, seconds?: number): Promise<Operation>;
  attributes(queue: QueueName, attributes: Record<string, string>): Promise<void>;
  stop(): Promise<void>;
}

/** The deployed stack, and a cloud whose login lies in its secret. */
export async function setAwsStage(): Promise<AwsStage> {
  const folder = mkdtempSync(join(tmpdir(), 'propagator-aws-'));
  const emulator = await startEmulator({ folder });
  const { endpoint } = emulator;
  const cloud = await startCloud();
  const stop = async () => {
    await emulator.stop();
    await cloud.close();
    rmSync(folder, { recursive: true });
  };
  try {
    await deploy({ endpoint, stage: STAGE, parameters: SETTINGS });
    const config = { endpoint, region: REGION, credentials: CREDENTIALS };
    const stack = stackOf(STAGE, SETTINGS);
    const names = namesOf(stack.prefix);
    const secrets = new SecretsManagerClient(config);
    await secrets.send(new PutSecretValueCommand({ SecretId: `${stack.prefix}/openstack`, SecretString: JSON.stringify(cloud.credentials) }));
    secrets.destroy();
    const aws = createAws({ ...config, credentials: () => CREDENTIALS });
    const engine = openAwsEngine({ aws, prefix: stack.prefix, services: stack.services.map(({ name }) => name), forgottenMillis: Number.POSITIVE_INFINITY });
    const queues = new Queues(aws);
    const body = (message: Message) => bodyOf(parcelOf(message, Date.now()));
    return {
      endpoint,
      cloud,
      engine,
      queues,
      names,
      body,
      notification: (text) =>
        body(notificationReceived(Buffer.from(text), { id: crypto.randomUUID(), source: 'rabbitmq:notifications.info', receivedAt: Date.now() })),
      send: (queue, ...bodies) =>
        queues.send(
          names.queue(queue),
          bodies.map((one) => ({ body: one })),
        ),
      ended: (project, seconds = 60) => operationEnded(engine, project, seconds),
      async attributes(queue, Attributes) {
        const sqs = new SQSClient(config);
        const { QueueUrl } = await aws.sqs('GetQueueUrl', { QueueName: names.queue(queue) });
        await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes }));
        sqs.destroy();
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function operationEnded({ reads }: AwsEngine, project: string, seconds: number): Promise<Operation> {
  const until = Date.now() + seconds * 1000;
  for (;;) {
    const [operation] = await reads.operationsAbout('project', project);
    if (operation && ENDED.includes(operation.state)) return operation;
    if (Date.now() > until) {
      const tasks = operation ? await reads.tasks(operation.id) : [];
      const open = tasks.filter(({ endedAt }) => endedAt === undefined);
      throw new Error(`${project} has not ended within ${seconds} s: ${operation?.state}, ${open.map((task) => `${task.service} ${task.state}`)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export { surroundings };
