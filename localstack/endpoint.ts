// The endpoint and the login of the local AWS.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';

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
 * The PROPAGATOR_API_URL of a deployed stage. An emulator serves the API below its own endpoint.
 */
export async function apiUrlOf(endpoint: string, stage: string): Promise<string> {
  return `${endpoint}/_aws/execute-api/${await outputOf(endpoint, stage, 'HttpApiId')}`;
}

/** The stack output of that name. Throws if it does not exist. */
export async function outputOf(endpoint: string, stage: string, name: string): Promise<string> {
  const client = new CloudFormationClient({ endpoint, region: REGION, credentials: CREDENTIALS });
  const { Stacks = [] } = await client
    .send(new DescribeStacksCommand({ StackName: `propagator-${stage}` }))
    .catch(() => ({ Stacks: [] }));
  client.destroy();
  const value = Stacks[0]?.Outputs?.find(({ OutputKey }) => OutputKey === name)?.OutputValue;
  if (value === undefined)
    throw new Error(
      `There is no stack propagator-${stage} at ${endpoint}. Deploy it with npm run aws:deploy.`,
    );
  return value;
}
