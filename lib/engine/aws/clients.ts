import { setTimeout as delay } from 'node:timers/promises';
import * as DynamoDb from '@aws-sdk/client-dynamodb';
import * as Events from '@aws-sdk/client-eventbridge';
import * as Scheduler from '@aws-sdk/client-scheduler';
import * as Secrets from '@aws-sdk/client-secrets-manager';
import * as Sqs from '@aws-sdk/client-sqs';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { backoffMillis } from '../../shared/backoff.ts';
import { AwsError, isRetryableTransaction, toAwsError } from './aws-error.ts';

/**
 * The calls to AWS that the engine makes. Each AWS service is one function, so that a test can
 * replace it.
 */
export interface Aws {
  dynamodb: CallAction<{
    BatchGetItem: [DynamoDb.BatchGetItemInput, DynamoDb.BatchGetItemOutput];
    BatchWriteItem: [DynamoDb.BatchWriteItemInput, DynamoDb.BatchWriteItemOutput];
    DeleteItem: [DynamoDb.DeleteItemInput, DynamoDb.DeleteItemOutput];
    GetItem: [DynamoDb.GetItemInput, DynamoDb.GetItemOutput];
    PutItem: [DynamoDb.PutItemInput, DynamoDb.PutItemOutput];
    Query: [DynamoDb.QueryInput, DynamoDb.QueryOutput];
    Scan: [DynamoDb.ScanInput, DynamoDb.ScanOutput];
    TransactWriteItems: [DynamoDb.TransactWriteItemsInput, DynamoDb.TransactWriteItemsOutput];
    UpdateItem: [DynamoDb.UpdateItemInput, DynamoDb.UpdateItemOutput];
  }>;
  sqs: CallAction<{
    ChangeMessageVisibilityBatch: [
      Sqs.ChangeMessageVisibilityBatchRequest,
      Sqs.ChangeMessageVisibilityBatchResult,
    ];
    DeleteMessageBatch: [Sqs.DeleteMessageBatchRequest, Sqs.DeleteMessageBatchResult];
    GetQueueAttributes: [Sqs.GetQueueAttributesRequest, Sqs.GetQueueAttributesResult];
    GetQueueUrl: [Sqs.GetQueueUrlRequest, Sqs.GetQueueUrlResult];
    ReceiveMessage: [Sqs.ReceiveMessageRequest, Sqs.ReceiveMessageResult];
    SendMessage: [Sqs.SendMessageRequest, Sqs.SendMessageResult];
    SendMessageBatch: [Sqs.SendMessageBatchRequest, Sqs.SendMessageBatchResult];
  }>;
  events: CallAction<{ PutEvents: [Events.PutEventsRequest, Events.PutEventsResponse] }>;
  scheduler: CallAction<{
    CreateSchedule: [Scheduler.CreateScheduleInput, Scheduler.CreateScheduleOutput];
  }>;
  secrets: CallAction<{
    GetSecretValue: [Secrets.GetSecretValueRequest, Secrets.GetSecretValueResponse];
  }>;
}
type CallAction<Actions extends Record<string, [object, object]>> = <
  Action extends keyof Actions & string,
>(
  action: Action,
  input: Actions[Action][0],
) => Promise<Actions[Action][1]>;

/** Access keys. The keys of a role have a session token and expire. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface AwsOptions {
  readonly region: string;
  /** The base URL of an emulator or a VPC endpoint. Default: AWS. */
  readonly endpoint?: string | undefined;
  /** Provides the credentials. The SDK calls this function again before the credentials expire. */
  readonly credentials: () => Promise<AwsCredentials>;
  /** Attempts per call if AWS throttles or does not answer. Default 5. */
  readonly maxTries?: number;
  /**
   * The time-out of one attempt in milliseconds. Default 30,000, because long polling of SQS takes
   * 20 s. A function with a time limit (29 s behind API Gateway) sets a shorter time-out:
   * `maxTries` attempts must end within its limit.
   */
  readonly answerTimeoutMillis?: number;
}

const DEFAULT_MAX_TRIES = 5;
const ANSWER_TIMEOUT_MILLIS = 30_000;
const CONNECT_TIMEOUT_MILLIS = 3000;
const CONFLICT_BACKOFF = { firstMillis: 50, maxMillis: 2000 };

/**
 * Creates the clients. Each client opens its connections at its first call and keeps them. A call
 * that AWS refuses or does not answer throws {@link AwsError}.
 * @example
 * const aws = createAws({ region: 'eu-central-1', credentials: fromNodeProviderChain() });
 * const { QueueUrl } = await aws.sqs('GetQueueUrl', { QueueName: 'propagator-prod-ingest' });
 */
export function createAws(options: AwsOptions): Aws {
  const {
    region,
    endpoint,
    answerTimeoutMillis = ANSWER_TIMEOUT_MILLIS,
    maxTries = DEFAULT_MAX_TRIES,
  } = options;
  const config = {
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    credentials: async () => {
      const { sessionToken, ...keys } = await options.credentials();
      return sessionToken === undefined ? keys : { ...keys, sessionToken };
    },
    maxAttempts: maxTries,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: Math.min(CONNECT_TIMEOUT_MILLIS, answerTimeoutMillis),
      requestTimeout: answerTimeoutMillis,
      throwOnRequestTimeout: true,
    }),
  };
  const createCall = (client: Client, commands: Commands) =>
    createCallAction(client, commands, { credentials: options.credentials, maxTries });
  return {
    dynamodb: createCall(new DynamoDb.DynamoDBClient(config), {
      BatchGetItem: DynamoDb.BatchGetItemCommand,
      BatchWriteItem: DynamoDb.BatchWriteItemCommand,
      DeleteItem: DynamoDb.DeleteItemCommand,
      GetItem: DynamoDb.GetItemCommand,
      PutItem: DynamoDb.PutItemCommand,
      Query: DynamoDb.QueryCommand,
      Scan: DynamoDb.ScanCommand,
      TransactWriteItems: DynamoDb.TransactWriteItemsCommand,
      UpdateItem: DynamoDb.UpdateItemCommand,
    }),
    sqs: createCall(new Sqs.SQSClient(config), {
      ChangeMessageVisibilityBatch: Sqs.ChangeMessageVisibilityBatchCommand,
      DeleteMessageBatch: Sqs.DeleteMessageBatchCommand,
      GetQueueAttributes: Sqs.GetQueueAttributesCommand,
      GetQueueUrl: Sqs.GetQueueUrlCommand,
      ReceiveMessage: Sqs.ReceiveMessageCommand,
      SendMessage: Sqs.SendMessageCommand,
      SendMessageBatch: Sqs.SendMessageBatchCommand,
    }),
    events: createCall(new Events.EventBridgeClient(config), {
      PutEvents: Events.PutEventsCommand,
    }),
    scheduler: createCall(new Scheduler.SchedulerClient(config), {
      CreateSchedule: Scheduler.CreateScheduleCommand,
    }),
    secrets: createCall(new Secrets.SecretsManagerClient(config), {
      GetSecretValue: Secrets.GetSecretValueCommand,
    }),
  } as Aws;
}

/** The commands of one AWS service, by the names of their actions. */
type Commands = Readonly<Record<string, new (input: never) => object>>;
interface Client {
  send(command: never): Promise<object>;
}

/**
 * Returns a function that sends the command of an action with the client. The SDK retries throttled
 * calls. The returned function also retries a canceled transaction if {@link
 * isRetryableTransaction} permits it.
 */
function createCallAction(
  client: Client,
  commands: Commands,
  { credentials, maxTries }: Required<Pick<AwsOptions, 'credentials' | 'maxTries'>>,
): (action: string, input: object) => Promise<object> {
  return async (action, input) => {
    const Command = commands[action];
    if (Command === undefined) throw new TypeError(`${action} is not an action of this client`);
    return withTransactionRetries(maxTries, async () => {
      try {
        return await client.send(new Command(input as never) as never);
      } catch (thrown) {
        throw await toAwsError(thrown, action, credentials);
      }
    });
  };
}

/**
 * Calls `send` up to `maxTries` times, until it succeeds or throws an error that a retry cannot
 * correct.
 */
async function withTransactionRetries(
  maxTries: number,
  send: () => Promise<object>,
): Promise<object> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send();
    } catch (thrown) {
      const isRetryable = thrown instanceof AwsError && isRetryableTransaction(thrown);
      if (attempt >= maxTries || !isRetryable) throw thrown;
    }
    await delay(backoffMillis(attempt, CONFLICT_BACKOFF, Math.random()));
  }
}
