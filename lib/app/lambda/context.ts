import * as z from 'zod';
import { type AwsOptions, createAws } from '../../engine/aws/clients.ts';
import type { LambdaContext } from '../../engine/aws/lambda/context.ts';
import { functionLog } from '../../engine/aws/lambda/log.ts';
import { type MetricValues, meteredEngine, metricLine } from '../../engine/aws/lambda/metrics.ts';
import { rotatingCredentials } from '../../engine/aws/lambda/secret.ts';
import { openAwsEngine } from '../../engine/aws/open.ts';
import { loggingEngine } from '../../engine/logging-engine.ts';
import { openCloud } from '../../openstack/open-cloud.ts';
import { readSettings } from '../../shared/settings.ts';
import { protectionOf } from '../protection.ts';
import { protectedIdsOf } from '../settings-deps.ts';
import { createLambdaHttpClient } from './http-client.ts';

/** Environment variables of a function: the settings, Lambda's own variables, and the stack's. */
export type Environment = Readonly<Record<string, string | undefined>>;

const StackVariables = z.object({
  AWS_REGION: z.string(),
  AWS_ACCESS_KEY_ID: z.string(),
  AWS_SECRET_ACCESS_KEY: z.string(),
  AWS_SESSION_TOKEN: z.string().optional(),
  /** Set for an emulator. */
  AWS_ENDPOINT_URL: z.string().optional(),
  STACK_PREFIX: z.string(),
  STACK_SERVICES: z.string(),
  STACK_SECRET_ARN: z.string(),
  STACK_SCHEDULER_ROLE_ARN: z.string().optional(),
  STACK_FLUSHES_OUTBOXES: z.literal('yes').optional(),
  /** Time-out in seconds for one answer of OpenStack. Default 60. */
  STACK_ANSWER_SECONDS: z.coerce.number().optional(),
});

/**
 * The limits of a call to AWS. Three attempts of 5 s end within 29 s, the shortest function timeout
 * of the stack (the API). No call needs more than 5 s, because no function waits for messages of a
 * queue (long polling).
 */
const AWS_CALL_LIMITS = {
  answerTimeoutMillis: 5000,
  maxTries: 3,
} satisfies Partial<AwsOptions>;

/**
 * Returns a function that creates the context at its first call and then reuses it. A failure, for
 * example an unreadable secret, is not cached.
 */
export function lazyContext(
  environment: Environment,
  write = (line: string): unknown => process.stdout.write(line),
): () => Promise<LambdaContext> {
  let contextPromise: Promise<LambdaContext> | undefined;
  return () => {
    contextPromise ??= openContext(environment, write).catch((error: unknown) => {
      contextPromise = undefined;
      throw error;
    });
    return contextPromise;
  };
}

async function openContext(
  environment: Environment,
  write: (line: string) => unknown,
): Promise<LambdaContext> {
  const stackVariables = StackVariables.parse(environment);
  const settings = readSettings(environment);
  const log = functionLog(settings.PROPAGATOR_LOG_LEVEL, write);
  const aws = awsClientsOf(stackVariables);
  const credentials = await rotatingCredentials({
    aws,
    secretId: stackVariables.STACK_SECRET_ARN,
    now: Date.now,
    onWarning: (message, cause) => log.warn({ cause: String(cause) }, message),
  });
  const cloud = openCloud(createLambdaHttpClient, credentials, {
    concurrency: settings.PROPAGATOR_CONCURRENCY,
    ...(stackVariables.STACK_ANSWER_SECONDS === undefined
      ? {}
      : { timeouts: { answerSeconds: stackVariables.STACK_ANSWER_SECONDS } }),
  });
  const services = stackVariables.STACK_SERVICES.split(',');
  const engine = openAwsEngine({
    aws,
    prefix: stackVariables.STACK_PREFIX,
    services,
    schedulerRoleArn: stackVariables.STACK_SCHEDULER_ROLE_ARN,
    onWarning: (message, cause) => log.warn({ cause: String(cause ?? '') }, message),
    // A function without this variable may send to some queues only. Such a function never sends
    // the messages that other functions left in the outbox.
    ...(stackVariables.STACK_FLUSHES_OUTBOXES
      ? {}
      : { outboxGraceMillis: Number.POSITIVE_INFINITY }),
  });
  const metrics = metricCounter(stackVariables.STACK_PREFIX, write);
  const protectedIds = protectedIdsOf(settings);
  return {
    engine,
    loggingEngine: meteredEngine(loggingEngine(engine, log), metrics.countMetrics),
    cloud,
    authUrl: credentials.authUrl,
    settings,
    log,
    services,
    protection: () => protectionOf(protectedIds, cloud),
    ...metrics,
  };
}

const awsClientsOf = (stackVariables: z.infer<typeof StackVariables>) =>
  createAws({
    region: stackVariables.AWS_REGION,
    endpoint: stackVariables.AWS_ENDPOINT_URL,
    credentials: async () => ({
      accessKeyId: stackVariables.AWS_ACCESS_KEY_ID,
      secretAccessKey: stackVariables.AWS_SECRET_ACCESS_KEY,
      sessionToken: stackVariables.AWS_SESSION_TOKEN,
    }),
    ...AWS_CALL_LIMITS,
  });

/** Adds up the metrics of one invocation, and writes them as one line of the log. */
function metricCounter(
  prefix: string,
  write: (line: string) => unknown,
): Pick<LambdaContext, 'countMetrics' | 'flushMetrics'> {
  const totals = new Map<keyof MetricValues, number>();
  return {
    countMetrics(values) {
      for (const [name, value] of Object.entries(values) as [keyof MetricValues, number][])
        totals.set(name, (totals.get(name) ?? 0) + value);
    },
    flushMetrics(functionName) {
      const labels = { stage: prefix, queue: functionName, at: Date.now() };
      if (totals.size > 0) write(metricLine(Object.fromEntries(totals), labels));
      totals.clear();
    },
  };
}
