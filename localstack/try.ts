// npm run aws:try [-- --stage NAME] [--leave]: tries the stage that npm run aws:deploy created.
// This program starts a rehearsal cloud on loopback as the OpenStack of the stage, and writes the
// login of this cloud into the secret of the stage. It then deletes the project of a customer in
// the cloud, posts the notification to the API of the stage, and waits until the operation has
// ended. The cloud runs until Ctrl-C, so that it can be inspected. With --leave it stops when the
// operation has ended. The exit code is 1 if the operation has not ended within two minutes.
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  LambdaClient,
  paginateListFunctions,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as z from 'zod';
import { apiFetchOf } from '../lib/cli/aws-signature.ts';
import { ApiClient } from '../lib/cli/client.ts';
import { type OperationShape, OperationsShape, StatusShape } from '../lib/cli/shapes.ts';
import { sumCounts } from '../lib/operation/counts.ts';
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
 * Writes the login of the cloud into the secret of the stage, and sets the grace period of all
 * functions to zero. The changed variables also restart the functions, which may have read another
 * login. The next deployment restores the grace period.
 */
async function configureStage(
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
 * Waits until the operation about the project has ended, and returns it. Throws if this takes more
 * than two minutes.
 */
async function waitForEnd(project: string, api: ApiClient): Promise<OperationShape> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const { operations } = await api.get(`/v1/operations?project=${project}`, OperationsShape);
    const newest = operations.at(0);
    if (newest && ENDED_OPERATION_STATES.some((state) => state === newest.operation.state))
      return newest;
    if (Date.now() > deadline)
      throw new Error(
        `The operation has not ended within two minutes: ${newest?.operation.state ?? 'no operation was opened'}.`,
      );
    await delay(1000);
  }
}

/** Waits for the first account in the inventory. Throws if this takes more than a minute. */
async function waitForFirstAccount(api: ApiClient): Promise<void> {
  const deadline = Date.now() + 60_000;
  while ((await api.get('/v1/status', StatusShape)).accounts === 0) {
    if (Date.now() > deadline) throw new Error('The stage has not recorded the new project.');
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
    await configureStage(cloud, endpoint, stage, outputs);
    const { id: project, created } = customerOf(cloud);
    const api = new ApiClient(
      apiUrl,
      apiFetchOf(apiUrl, emulatorEnvironment(endpoint), async () => CREDENTIALS),
    );
    const notify = (notification: string) =>
      api.post('/v1/notifications', JSON.parse(notification), z.object({ stored: z.number() }));
    await notify(created);
    await waitForFirstAccount(api);
    await notify(await deletedIn(cloud, project));
    console.log(
      `The project ${project} was deleted in the rehearsal cloud at ${cloud.url}. The notification was sent.`,
    );
    const { operation, tasks } = await waitForEnd(project, api);
    const { found, removed, left } = sumCounts(
      tasks.flatMap(({ counts }) => Object.values(counts)),
    );
    console.log(
      `${operation.id}: ${operation.state}. Found ${found}, removed ${removed}, left ${left}.`,
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
