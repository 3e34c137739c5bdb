import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DeleteArchiveCommand, EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { DeleteSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { serverless } from './deploy.ts';
import { CREDENTIALS, emulatorEnvironment, outputsOf, REGION } from './endpoint.ts';
import { isMiniStack } from './ministack.ts';

/**
 * Removes a stage from an emulator: its stack with `serverless remove`, and then the table and the
 * secret, which CloudFormation keeps. The stage must be deployed with `protectTable=no`.
 */
export async function remove(endpoint: string, stage: string): Promise<void> {
  const config = { endpoint, region: REGION, credentials: CREDENTIALS };
  const { SecretArn } = await outputsOf(endpoint, stage);
  if (await isMiniStack(endpoint)) {
    // The archive is not a part of the stack on MiniStack.
    const events = new EventBridgeClient(config);
    await events.send(new DeleteArchiveCommand({ ArchiveName: `propagator-${stage}` }));
    events.destroy();
  }
  await serverless(['remove', '--stage', stage, '--region', REGION], emulatorEnvironment(endpoint));
  const tables = new DynamoDBClient(config);
  await tables.send(new DeleteTableCommand({ TableName: `propagator-${stage}` }));
  tables.destroy();
  const secrets = new SecretsManagerClient(config);
  await secrets.send(
    new DeleteSecretCommand({ SecretId: SecretArn, ForceDeleteWithoutRecovery: true }),
  );
  secrets.destroy();
}
