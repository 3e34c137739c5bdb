import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type * as DynamoDb from '@aws-sdk/client-dynamodb';
import type * as Events from '@aws-sdk/client-eventbridge';
import type * as Scheduler from '@aws-sdk/client-scheduler';
import type * as Secrets from '@aws-sdk/client-secrets-manager';
import type * as Sqs from '@aws-sdk/client-sqs';
import { redactText } from '../../shared/redaction.ts';
import { type AwsCredentials, signed } from './sign.ts';

/**
 * AWS over its JSON protocol, without the SDK: three of its clients would be four times the size of
 * a service function with all that it does. The SDK lends its types, so that an input is what the
 * SDK's command takes; what comes back is the JSON as it came (times are numbers).
 */
export interface Aws {
  dynamodb: Caller<{
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
  sqs: Caller<{
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
  events: Caller<{ PutEvents: [Events.PutEventsRequest, Events.PutEventsResponse] }>;
  scheduler: Caller<{
    CreateSchedule: [Scheduler.CreateScheduleInput, Scheduler.CreateScheduleOutput];
  }>;
  secrets: Caller<{
    GetSecretValue: [Secrets.GetSecretValueRequest, Secrets.GetSecretValueResponse];
  }>;
}
type Caller<Actions extends Record<string, [object, object]>> = <
  Action extends keyof Actions & string,
>(
  action: Action,
  input: Actions[Action][0],
) => Promise<Actions[Action][1]>;

export interface AwsOptions {
  readonly region: string;
  /** Instead of AWS's own: an emulator. */
  readonly endpoint?: string | undefined;
  /** Asked before every call: they may be short-lived. */
  readonly credentials: () => AwsCredentials | Promise<AwsCredentials>;
  /**
   * Tries of a call that was throttled, or that nobody answered. Default 5, which takes two seconds
   * at most.
   */
  readonly tries?: number;
}

/**
 * What AWS answered instead of what was asked for; `name` as the SDK has it:
 * `ConditionalCheckFailedException`.
 */
export class AwsError extends Error {
  override readonly name: string;
  readonly status: number;
  /** Of a `TransactionCanceledException`: why, for each of its items. */
  readonly reasons: readonly { readonly Code?: string; readonly Message?: string }[];
  constructor(
    name: string,
    message: string,
    status: number,
    reasons: AwsError['reasons'] = [],
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = name;
    this.status = status;
    this.reasons = reasons;
  }
}

/** Long polling of SQS takes 20 s. */
const ANSWER_MILLIS = 30_000;
const FIRST_PAUSE_MILLIS = 50;
const TRANSIENT =
  /Throttl|TooManyRequests|RequestLimitExceeded|ProvisionedThroughputExceeded|TransactionInProgress|InternalServerError|InternalFailure|ServiceUnavailable|RequestTimeout/;

const SERVICES = {
  dynamodb: { name: 'dynamodb', target: 'DynamoDB_20120810', version: '1.0' },
  sqs: { name: 'sqs', target: 'AmazonSQS', version: '1.0' },
  events: { name: 'events', target: 'AWSEvents', version: '1.1' },
  secrets: { name: 'secretsmanager', target: 'secretsmanager', version: '1.1' },
} as const;

export function createAws(options: AwsOptions): Aws {
  const json =
    (service: { readonly name: string; readonly target: string; readonly version: string }) =>
    (action: string, input: object): Promise<object> =>
      call(options, service.name, {
        method: 'POST',
        path: '/',
        headers: {
          'content-type': `application/x-amz-json-${service.version}`,
          'x-amz-target': `${service.target}.${action}`,
        },
        body: JSON.stringify(onlyOnce(action, input)),
      });
  return {
    dynamodb: json(SERVICES.dynamodb),
    sqs: json(SERVICES.sqs),
    events: json(SERVICES.events),
    secrets: json(SERVICES.secrets),
    scheduler: (_, { Name, ...input }) =>
      call(options, 'scheduler', {
        method: 'POST',
        path: `/schedules/${encodeURIComponent(Name ?? '')}`,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(onlyOnce('CreateSchedule', input)),
      }),
  } as Aws;
}

/**
 * These two may be sent again after an answer that was lost: with a token, AWS carries them out
 * once.
 */
const onlyOnce = (action: string, input: object): object => {
  if (action === 'TransactWriteItems') return { ClientRequestToken: randomUUID(), ...input };
  return action === 'CreateSchedule' ? { ClientToken: randomUUID(), ...input } : input;
};

interface Sent {
  readonly method: 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

async function call(options: AwsOptions, service: string, sent: Sent): Promise<object> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await once(options, service, sent);
    } catch (error) {
      if (!(error instanceof AwsError) || tries >= (options.tries ?? 5) || !isTransient(error))
        throw error;
      await delay(Math.random() * FIRST_PAUSE_MILLIS * 2 ** tries);
    }
  }
}

const isTransient = ({ name, status, reasons }: AwsError): boolean =>
  status === 0 ||
  status === 429 ||
  status >= 500 ||
  TRANSIENT.test(name) ||
  // Another transaction held a row for a moment, and no condition has failed.
  (reasons.some(({ Code }) => Code === 'TransactionConflict' || TRANSIENT.test(Code ?? '')) &&
    reasons.every(({ Code }) => Code !== 'ConditionalCheckFailed'));

/**
 * Of China and of the European Sovereign Cloud; all other regions, those of the US government too,
 * share one.
 */
function domainOf(region: string): string {
  if (region.startsWith('cn-')) return 'amazonaws.com.cn';
  return region.startsWith('eusc-') ? 'amazonaws.eu' : 'amazonaws.com';
}

async function once(
  { region, endpoint, credentials }: AwsOptions,
  service: string,
  { method, path, headers, body }: Sent,
): Promise<object> {
  const url = new URL(path, endpoint ?? `https://${service}.${region}.${domainOf(region)}`);
  const own = await credentials();
  const { host: _, ...signedHeaders } = signed(
    { method, url, headers, body },
    { service, region, credentials: own, at: Date.now() },
  );
  let answer: { ok: boolean; status: number; text: string; type: string | null };
  try {
    const response = await fetch(url, {
      method,
      headers: signedHeaders,
      body,
      signal: AbortSignal.timeout(ANSWER_MILLIS),
    });
    answer = {
      ok: response.ok,
      status: response.status,
      text: await response.text(),
      type: response.headers.get('x-amzn-errortype'),
    };
  } catch (cause) {
    throw new AwsError('NoAnswer', `${service} of AWS in ${region} does not answer`, 0, [], {
      cause,
    });
  }
  const said = parsed(answer.text);
  if (answer.ok && said) return said;
  const type =
    answer.type ?? textOf(said, '__type') ?? textOf(said, 'code') ?? `Http${answer.status}`;
  // `com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException:http://…`
  const name = type.replace(/:.*$/s, '').replace(/^.*#/s, '');
  const reasons =
    said && 'CancellationReasons' in said && Array.isArray(said.CancellationReasons)
      ? said.CancellationReasons
      : [];
  throw new AwsError(
    name,
    without(
      own,
      textOf(said, 'message') ?? textOf(said, 'Message') ?? `${service} answered ${answer.status}`,
    ),
    answer.status,
    // Their words are nobody's business here, and may hold the row that was there.
    reasons.map(({ Code }) => ({ Code })),
  );
}

/** Shorter ones are an emulator's, and words. */
const SHORTEST_SECRET = 16;

/**
 * When it comes to another signature, AWS says back what it thinks was signed, the session token
 * among it.
 */
const without = ({ secretAccessKey, sessionToken = '' }: AwsCredentials, text: string): string =>
  [secretAccessKey, sessionToken]
    .filter(({ length }) => length >= SHORTEST_SECRET)
    .reduce((cut, secret) => cut.replaceAll(secret, '[cut out]'), redactText(text));

function parsed(text: string): object | undefined {
  try {
    const json: unknown = text === '' ? {} : JSON.parse(text);
    return typeof json === 'object' && json !== null ? json : undefined;
  } catch {
    return undefined;
  }
}

function textOf(said: object | undefined, field: string): string | undefined {
  const value = said ? (said as Record<string, unknown>)[field] : undefined;
  return typeof value === 'string' ? value : undefined;
}
