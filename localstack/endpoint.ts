// The endpoint and the login of the local AWS.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import * as z from 'zod';

export const REGION = 'eu-central-1';
/** Emulators accept any credentials. */
export const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' };

/** Variables with which the SDK and the serverless command use the emulator. */
export const emulatorEnvironment = (endpoint: string, region = REGION) => ({
  AWS_ENDPOINT_URL: endpoint,
  AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  AWS_REGION: region,
});

/**
 * The endpoint in AWS_ENDPOINT_URL, or of `npm run aws:up`. Throws if there is none, or if nothing
 * answers there.
 */
export async function runningEndpoint(): Promise<string> {
  const file = join(import.meta.dirname, '.ministack/endpoint');
  const endpoint =
    process.env.AWS_ENDPOINT_URL || (existsSync(file) ? readFileSync(file, 'utf8').trim() : '');
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
 * The endpoint in AWS_ENDPOINT_URL, for a suite that creates and removes a stage there. `undefined`
 * without the variable. Throws for an endpoint beyond this machine: it could be a real account, and
 * its functions could not reach the rehearsal cloud on loopback.
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

/**
 * The PROPAGATOR_API_URL of a deployed stage. An emulator serves the API below its own endpoint.
 */
export const apiUrlOf = (endpoint: string, { HttpApiId }: Outputs): string =>
  `${endpoint}/_aws/execute-api/${HttpApiId}`;

/** The outputs of a deployed stage. Throws if there is no such stage. */
export async function outputsOf(endpoint: string, stage: string): Promise<Outputs> {
  const client = new CloudFormationClient({ endpoint, region: REGION, credentials: CREDENTIALS });
  const { Stacks = [] } = await client
    .send(new DescribeStacksCommand({ StackName: `propagator-${stage}` }))
    .catch(() => ({ Stacks: [] }));
  client.destroy();
  const all = Stacks[0]?.Outputs?.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]);
  const outputs = Outputs.safeParse(Object.fromEntries(all ?? []));
  if (!outputs.success)
    throw new Error(
      `There is no stack propagator-${stage} at ${endpoint}. Deploy it with npm run aws:deploy.`,
    );
  return outputs.data;
}
