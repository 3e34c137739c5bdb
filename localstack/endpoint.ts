// The endpoint and the credentials of the emulator of AWS.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import * as z from 'zod';

export const REGION = 'eu-central-1';
/** Emulators accept any credentials. */
export const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' };

/** Returns the environment variables with which the AWS SDK and osls use the emulator. */
export const emulatorEnvironment = (endpoint: string, region = REGION) => ({
  AWS_ENDPOINT_URL: endpoint,
  AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  AWS_REGION: region,
});

/**
 * Returns the endpoint in AWS_ENDPOINT_URL, or else that of the emulator that `npm run aws:up`
 * started. Throws if there is no such endpoint, or if it does not answer.
 */
export async function runningEndpoint(): Promise<string> {
  const endpointFile = join(import.meta.dirname, '.ministack/endpoint');
  const startedEndpoint = existsSync(endpointFile) ? readFileSync(endpointFile, 'utf8').trim() : '';
  const endpoint = process.env.AWS_ENDPOINT_URL || startedEndpoint;
  if (endpoint === '')
    throw new Error(
      'No emulator runs. Start one with npm run aws:up, or set AWS_ENDPOINT_URL to the URL of one.',
    );
  const answer = await fetch(endpoint).catch(() => undefined);
  await answer?.body?.cancel();
  if (!answer)
    throw new Error(
      `No emulator answers at ${endpoint}. Start one with npm run aws:up, or unset AWS_ENDPOINT_URL.`,
    );
  return endpoint;
}

/**
 * Returns the endpoint in AWS_ENDPOINT_URL, for a test suite that creates and removes stages there,
 * or `undefined` if the variable is not set. Throws for an endpoint that is not on this machine: it
 * could be a real account, and its functions could not reach the rehearsal cloud on loopback.
 */
export function endpointForTests(environment: NodeJS.ProcessEnv): string | undefined {
  const { AWS_ENDPOINT_URL: endpoint } = environment;
  if (!endpoint) return undefined;
  const { protocol, hostname } = URL.canParse(endpoint)
    ? new URL(endpoint)
    : { protocol: '', hostname: '' };
  if (/^https?:$/.test(protocol) && /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(hostname))
    return endpoint.replace(/\/$/, '');
  throw new Error(
    `AWS_ENDPOINT_URL=${endpoint}: the suite runs only on an emulator on this machine. Name one ` +
      'on 127.0.0.1, or unset the variable: the suite then starts its own.',
  );
}

/** The outputs of the stack that the commands and tests use. */
const Outputs = z.object({
  HttpApiId: z.string(),
  HttpApiUrl: z.string(),
  IngestQueueUrl: z.string(),
  SecretArn: z.string(),
});
export type Outputs = z.infer<typeof Outputs>;

/** Returns the URL of the API of a stage, which the emulator serves below its own endpoint. */
export const apiUrlOf = (endpoint: string, { HttpApiId }: Outputs): string =>
  `${endpoint}/_aws/execute-api/${HttpApiId}`;

/** Reads the outputs of the stack of a stage. Throws if this stack does not exist. */
export async function outputsOf(endpoint: string, stage: string): Promise<Outputs> {
  const client = new CloudFormationClient({ endpoint, region: REGION, credentials: CREDENTIALS });
  const { Stacks = [] } = await client
    .send(new DescribeStacksCommand({ StackName: `propagator-${stage}` }))
    .catch(() => ({ Stacks: [] }));
  client.destroy();
  const entries = Stacks[0]?.Outputs?.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]);
  const outputs = Outputs.safeParse(Object.fromEntries(entries ?? []));
  if (!outputs.success)
    throw new Error(
      `There is no stack propagator-${stage} at ${endpoint}. Deploy it with npm run aws:deploy.`,
    );
  return outputs.data;
}
