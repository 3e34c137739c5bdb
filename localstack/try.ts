// npm run aws:try [-- --stage NAME] [--leave]: uses a rehearsal cloud on loopback as the OpenStack
// of the stage that npm run aws:deploy created. It writes the cloud's login into the secret,
// deletes a customer's project in its Keystone, posts the notification to the HTTP API, and waits
// until the operation has ended. The cloud runs until Ctrl-C for inspection; with --leave it stops
// at once. The exit code is 1 when the operation has not ended within two minutes.
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  LambdaClient,
  paginateListFunctions,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as z from 'zod';
import { callerOf } from '../lib/cli/aws-signature.ts';
import { ApiClient } from '../lib/cli/client.ts';
import { type OperationShape, OperationsShape, StatusShape } from '../lib/cli/shapes.ts';
import { ENDED_OPERATION_STATES } from '../lib/operation/model.ts';
import { customerOf, deletedIn, rehearsalCloud } from '../test/aws/cloud.ts';
import type { RehearsalCloud } from '../test/cloud/cloud.ts';
import {
  apiUrlOf,
  CREDENTIALS,
  emulatorEnvironment,
  type Outputs,
  outputsOf,
  REGION,
  runningEndpoint,
} from './endpoint.ts';

/**
 * Writes the cloud's login into the secret. It restarts all functions, because they may have cached
 * another login, and removes the grace period of an hour. The next deployment restores it.
 */
async function logIn(
  { credentials }: RehearsalCloud,
  endpoint: string,
  stage: string,
  { SecretArn: SecretId }: Outputs,
): Promise<void> {
  const config = { endpoint, region: REGION, credentials: CREDENTIALS };
  const secrets = new SecretsManagerClient(config);
  await secrets.send(
    new PutSecretValueCommand({ SecretId, SecretString: JSON.stringify(credentials) }),
  );
  secrets.destroy();
  const lambda = new LambdaClient(config);
  for await (const { Functions = [] } of paginateListFunctions({ client: lambda }, {}))
    for (const { FunctionName = '', Environment } of Functions.filter((one) =>
      one.FunctionName?.startsWith(`propagator-${stage}-`),
    )) {
      const Variables = {
        ...Environment?.Variables,
        PROPAGATOR_GRACE_PERIOD: '0s',
        STACK_LOGIN: credentials.OS_AUTH_URL ?? '',
      };
      await lambda.send(
        new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }),
      );
    }
  lambda.destroy();
}

/**
 * The operation about the project, once it has ended. Throws when that takes more than two minutes.
 */
async function endOf(project: string, api: ApiClient): Promise<OperationShape> {
  const until = Date.now() + 120_000;
  for (;;) {
    const { operations } = await api.get(`/v1/operations?project=${project}`, OperationsShape);
    const seen = operations.at(0);
    if (seen && ENDED_OPERATION_STATES.some((state) => state === seen.operation.state)) return seen;
    if (Date.now() > until)
      throw new Error(
        `The operation has not ended within two minutes: ${seen?.operation.state ?? 'there is none'}.`,
      );
    await delay(1000);
  }
}

/** Waits for the first account in the inventory. Throws when that takes more than a minute. */
async function recorded(api: ApiClient): Promise<void> {
  const until = Date.now() + 60_000;
  while ((await api.get('/v1/status', StatusShape)).accounts === 0) {
    if (Date.now() > until) throw new Error('The stage has not recorded the new project.');
    await delay(1000);
  }
}

async function main(): Promise<void> {
  const options = {
    stage: { type: 'string', default: 'local' },
    leave: { type: 'boolean', default: false },
  } as const;
  const { stage, leave } = parseArgs({ options }).values;
  const endpoint = await runningEndpoint();
  const outputs = await outputsOf(endpoint, stage);
  const apiUrl = apiUrlOf(endpoint, outputs);
  const cloud = await rehearsalCloud();
  try {
    await logIn(cloud, endpoint, stage, outputs);
    const { id: project, created } = customerOf(cloud);
    const api = new ApiClient(
      apiUrl,
      callerOf(apiUrl, emulatorEnvironment(endpoint), async () => CREDENTIALS),
    );
    const notify = (notification: string) =>
      api.post('/v1/notifications', JSON.parse(notification), z.object({ stored: z.number() }));
    await notify(created);
    await recorded(api);
    await notify(await deletedIn(cloud, project));
    console.log(
      `The project ${project} was deleted in the rehearsal cloud at ${cloud.url}. The notification was sent.`,
    );
    const { operation, tasks } = await endOf(project, api);
    const resourceTypes = tasks.flatMap(({ counts }) => Object.values(counts));
    const sum = (of: 'found' | 'removed' | 'left') =>
      resourceTypes.reduce((total, count) => total + count[of], 0);
    console.log(
      `${operation.id}: ${operation.state}. Found ${sum('found')}, removed ${sum('removed')}, left ${sum('left')}.`,
    );
    if (leave) return;
    console.log(`
In another shell, with the variables that npm run aws:deploy printed: npx propagator operation show ${operation.id}
Ctrl-C stops the cloud.`);
    await new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
  } finally {
    await cloud.close();
  }
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
