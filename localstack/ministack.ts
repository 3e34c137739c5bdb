// Changes for features that MiniStack 1.5.33 lacks or implements in another way. README.md in this
// folder lists them.
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
const State = z.looseObject({
  service: z.looseObject({ provider: z.looseObject({ compiledCloudFormationTemplate: Template }) }),
});

const ArchiveProperties = z.object({
  ArchiveName: z.string(),
  RetentionDays: z.number(),
  EventPattern: z.unknown(),
});

/**
 * Rewrites the packaged template in `folder`. Returns the archive, which {@link createArchive}
 * creates after the deployment.
 */
export function adaptPackage(folder: string): z.infer<typeof ArchiveProperties> {
  const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'));
  const write = (name: string, content: unknown): void =>
    writeFileSync(join(folder, name), JSON.stringify(content));
  const state = State.parse(read('serverless-state.json'));
  const { compiledCloudFormationTemplate } = state.service.provider;
  const archive = ArchiveProperties.parse(
    compiledCloudFormationTemplate.Resources.Archive?.Properties,
  );
  adapt(compiledCloudFormationTemplate.Resources);
  write('serverless-state.json', state);
  const template = Template.parse(read('cloudformation-template-update-stack.json'));
  adapt(template.Resources);
  write('cloudformation-template-update-stack.json', template);
  return archive;
}

function adapt(resources: z.infer<typeof Template>['Resources']): void {
  // MiniStack 1.5.33 has archives, but its CloudFormation does not support them: "Unrecognized
  // resource types".
  delete resources.Archive;
  for (const [name, { Type, Properties }] of Object.entries(resources)) {
    if (Type === 'AWS::IAM::Role') adaptRights(Properties);
    if (!/^AWS::(SQS::Queue|SNS::Topic)Policy$/.test(Type)) continue;
    const { PolicyDocument } = ResourcePolicy.parse(Properties);
    permitHttp(PolicyDocument);
    if (PolicyDocument.Statement.length === 0) delete resources[name];
    else Object.assign(Properties as object, { PolicyDocument });
  }
}

const ResourcePolicy = z.looseObject({
  PolicyDocument: z.looseObject({ Statement: z.array(z.looseObject({ Condition: z.unknown() })) }),
});

/** These policies refuse calls without TLS, and the emulator has no TLS. */
function permitHttp(document: z.infer<typeof ResourcePolicy>['PolicyDocument']): void {
  document.Statement = document.Statement.filter(
    ({ Condition }) => !JSON.stringify(Condition ?? {}).includes('aws:SecureTransport'),
  );
}

const Statement = z.looseObject({ Action: z.array(z.string()), Resource: z.unknown() });
const Role = z.object({
  Policies: z.array(z.object({ PolicyDocument: z.object({ Statement: z.array(Statement) }) })),
});
const BATCHES = ['sqs:SendMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'];

/**
 * With AUTH=true, MiniStack 1.5.33 requires separate permissions for SQS batch calls, which AWS
 * does not have. It also treats every schedule as one of the group `default`.
 */
function adaptRights(role: unknown): void {
  if (!Role.safeParse(role).success) return;
  const statements = (role as z.infer<typeof Role>).Policies.flatMap(
    ({ PolicyDocument }) => PolicyDocument.Statement,
  );
  for (const statement of statements) {
    const { Action, Resource } = statement;
    Action.push(...Action.filter((one) => BATCHES.includes(one)).map((one) => `${one}Batch`));
    if (Action.includes('scheduler:CreateSchedule'))
      statement.Resource = JSON.parse(
        JSON.stringify(Resource).replace(/schedule\/[^/]+\/\*/, 'schedule/default/*'),
      );
  }
}

/** Creates the archive of the bus. */
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
    // An earlier deployment created it.
    if (!(error instanceof Error) || error.name !== 'ResourceAlreadyExistsException') throw error;
  });
  client.destroy();
}
