// Changes to the packaged stack for features that MiniStack 1.5.33 lacks or implements differently.
// README.md in this folder lists the differences.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateArchiveCommand, EventBridgeClient } from '@aws-sdk/client-eventbridge';
import * as z from 'zod';
import { CREDENTIALS } from './endpoint.ts';

/** True if MiniStack answers at the endpoint. Other emulators and AWS have no such path. */
export async function isMiniStack(endpoint: string): Promise<boolean> {
  const answer = await fetch(`${endpoint}/_ministack/ready`).catch(() => undefined);
  await answer?.body?.cancel();
  return answer?.ok === true;
}

const Template = z.looseObject({
  Resources: z.record(z.string(), z.looseObject({ Type: z.string() })),
});
/** The file in which `serverless package` stores the template for `serverless deploy`. */
const PackageState = z.looseObject({
  service: z.looseObject({ provider: z.looseObject({ compiledCloudFormationTemplate: Template }) }),
});

const ArchiveProperties = z.object({
  ArchiveName: z.string(),
  RetentionDays: z.number(),
  EventPattern: z.unknown(),
});

/**
 * Changes the packaged template in `folder`, so that MiniStack can deploy it. Returns the
 * properties of the archive, which is removed from the template: {@link createArchive} creates it
 * afterwards.
 */
export function adaptPackage(folder: string): z.infer<typeof ArchiveProperties> {
  const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'));
  const write = (name: string, content: unknown): void =>
    writeFileSync(join(folder, name), JSON.stringify(content));
  const state = PackageState.parse(read('serverless-state.json'));
  const { compiledCloudFormationTemplate } = state.service.provider;
  const archive = ArchiveProperties.parse(
    compiledCloudFormationTemplate.Resources.Archive?.Properties,
  );
  adaptResources(compiledCloudFormationTemplate.Resources);
  write('serverless-state.json', state);
  const template = Template.parse(read('cloudformation-template-update-stack.json'));
  adaptResources(template.Resources);
  write('cloudformation-template-update-stack.json', template);
  return archive;
}

/** Removes or changes the resources that MiniStack does not support. */
function adaptResources(resources: z.infer<typeof Template>['Resources']): void {
  // MiniStack 1.5.33 has archives, but its CloudFormation does not support them: "Unrecognized
  // resource types".
  delete resources.Archive;
  for (const [name, { Type, Properties }] of Object.entries(resources)) {
    if (Type === 'AWS::IAM::Role') adaptPermissions(Properties);
    if (!/^AWS::(SQS::Queue|SNS::Topic)Policy$/.test(Type)) continue;
    const { PolicyDocument } = ResourcePolicy.parse(Properties);
    removeTlsStatements(PolicyDocument);
    if (PolicyDocument.Statement.length === 0) delete resources[name];
    else Object.assign(Properties as object, { PolicyDocument });
  }
}

const ResourcePolicy = z.looseObject({
  PolicyDocument: z.looseObject({ Statement: z.array(z.looseObject({ Condition: z.unknown() })) }),
});

/** Removes the statements that refuse calls without TLS, because the emulator has no TLS. */
function removeTlsStatements(document: z.infer<typeof ResourcePolicy>['PolicyDocument']): void {
  document.Statement = document.Statement.filter(
    ({ Condition }) => !JSON.stringify(Condition ?? {}).includes('aws:SecureTransport'),
  );
}

const Statement = z.looseObject({ Action: z.array(z.string()), Resource: z.unknown() });
const Role = z.object({
  Policies: z.array(z.object({ PolicyDocument: z.object({ Statement: z.array(Statement) }) })),
});
/** The permissions that on AWS also permit the batch action of the same name. */
const PERMISSIONS_FOR_BATCHES = [
  'sqs:SendMessage',
  'sqs:DeleteMessage',
  'sqs:ChangeMessageVisibility',
];

/**
 * Adds the permissions that MiniStack 1.5.33 requires with AUTH=true. It requires a separate
 * permission for each batch action of SQS, which AWS does not have. It also checks the permissions
 * on every schedule as if the schedule were in the group `default`.
 */
function adaptPermissions(role: unknown): void {
  if (!Role.safeParse(role).success) return;
  const statements = (role as z.infer<typeof Role>).Policies.flatMap(
    ({ PolicyDocument }) => PolicyDocument.Statement,
  );
  for (const statement of statements) {
    const { Action, Resource } = statement;
    Action.push(
      ...Action.filter((action) => PERMISSIONS_FOR_BATCHES.includes(action)).map(
        (action) => `${action}Batch`,
      ),
    );
    if (Action.includes('scheduler:CreateSchedule'))
      statement.Resource = JSON.parse(
        JSON.stringify(Resource).replace(/schedule\/[^/]+\/\*/, 'schedule/default/*'),
      );
  }
}

/** Creates the archive of the bus with a call to EventBridge. */
export async function createArchive(
  archive: z.infer<typeof ArchiveProperties>,
  stage: string,
  endpoint: string,
  region: string,
): Promise<void> {
  const client = new EventBridgeClient({ endpoint, region, credentials: CREDENTIALS });
  const { ArchiveName, RetentionDays, EventPattern } = archive;
  const EventSourceArn = `arn:aws:events:${region}:000000000000:event-bus/propagator-${stage}`;
  const input = {
    ArchiveName,
    RetentionDays,
    EventPattern: JSON.stringify(EventPattern),
    EventSourceArn,
  };
  await client.send(new CreateArchiveCommand(input)).catch((error: unknown) => {
    // The archive of an earlier deployment of this stage still exists.
    if (!(error instanceof Error) || error.name !== 'ResourceAlreadyExistsException') throw error;
  });
  client.destroy();
}
