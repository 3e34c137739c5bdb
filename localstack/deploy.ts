// npm run aws:deploy [-- --stage NAME] [--param=NAME=VALUE …]: packages the stack and deploys it on
// the emulator that `npm run aws:up` started, or at AWS_ENDPOINT_URL. This file works around faults
// of the emulator; README.md in this folder lists them.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { CreateArchiveCommand, EventBridgeClient } from '@aws-sdk/client-eventbridge';
import * as z from 'zod';

const ROOT = join(import.meta.dirname, '..');
export const REGION = 'eu-central-1';
/** The emulator accepts any credentials. */
export const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' };
const run = promisify(execFile);

export interface Deployment {
  readonly endpoint: string;
  readonly stage: string;
  /** Settings and parameters by name. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly region?: string;
  /** Called at each step; all steps together take half a minute. */
  readonly onStep?: (step: string) => void;
}

/**
 * Variables with which the SDK and the serverless command find the emulator, which accepts any
 * credentials.
 */
export const surroundings = (endpoint: string, region = REGION) => ({
  AWS_ENDPOINT_URL: endpoint,
  AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  AWS_REGION: region,
});

const Template = z.looseObject({
  Resources: z.record(z.string(), z.looseObject({ Type: z.string() })),
});
const State = z.looseObject({
  service: z.looseObject({ provider: z.looseObject({ compiledCloudFormationTemplate: Template }) }),
});

/**
 * Packages the stack and deploys it with `serverless deploy`. Throws with the output of a failed
 * command.
 */
export async function deploy({
  endpoint,
  stage,
  parameters = {},
  region = REGION,
  onStep = () => undefined,
}: Deployment): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'propagator-package-'));
  try {
    const named = Object.entries(parameters).map(([name, value]) => `--param=${name}=${value}`);
    const about = ['--stage', stage, '--region', region, ...named, '--package', folder];
    onStep(`Packaging the stack propagator-${stage} …`);
    await serverless(['package', ...about], {});
    const archive = mended(folder);
    onStep(`Deploying it at ${endpoint} …`);
    await serverless(['deploy', ...about], surroundings(endpoint, region));
    await makeArchive(archive, stage, endpoint, region);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function serverless(
  args: readonly string[],
  more: Readonly<Record<string, string>>,
): Promise<void> {
  // A profile would take precedence over the emulator's keys.
  const { AWS_PROFILE: _, ...own } = process.env;
  const env = { ...own, SLS_NOTIFICATIONS_MODE: 'off', SLS_TELEMETRY_DISABLED: '1', ...more };
  await run(join(ROOT, 'node_modules/.bin/serverless'), [...args], {
    cwd: ROOT,
    env,
    maxBuffer: 1 << 26,
  }).catch((error: unknown) => {
    const output =
      error instanceof Error && 'stderr' in error && 'stdout' in error
        ? `${error.stdout}${error.stderr}`
        : String(error);
    throw new Error(`serverless ${args[0]} failed:\n${output}`);
  });
}

const ArchiveProperties = z.object({
  ArchiveName: z.string(),
  RetentionDays: z.number(),
  EventPattern: z.unknown(),
});

/**
 * Rewrites the packaged template for the emulator. Returns the archive, which needs a separate
 * call.
 */
function mended(folder: string): z.infer<typeof ArchiveProperties> {
  const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'));
  const write = (name: string, content: unknown): void =>
    writeFileSync(join(folder, name), JSON.stringify(content));
  const state = State.parse(read('serverless-state.json'));
  const { compiledCloudFormationTemplate } = state.service.provider;
  const archive = ArchiveProperties.parse(
    compiledCloudFormationTemplate.Resources.Archive?.Properties,
  );
  mend(compiledCloudFormationTemplate.Resources);
  write('serverless-state.json', state);
  const template = Template.parse(read('cloudformation-template-update-stack.json'));
  mend(template.Resources);
  write('cloudformation-template-update-stack.json', template);
  return archive;
}

function mend(resources: z.infer<typeof Template>['Resources']): void {
  // MiniStack 1.5.33 has archives, but its CloudFormation does not support them: "Unrecognized
  // resource types".
  delete resources.Archive;
  for (const [name, { Type, Properties }] of Object.entries(resources)) {
    if (Type === 'AWS::IAM::Role') mendRights(Properties);
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

/** The emulator is reached without TLS, which these policies refuse. */
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
function mendRights(role: unknown): void {
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

async function makeArchive(
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

/** The emulator of `npm run aws:up`, or AWS_ENDPOINT_URL. Throws when it does not answer. */
export async function endpointHere(): Promise<string> {
  const file = join(import.meta.dirname, '.ministack/endpoint');
  const endpoint =
    process.env.AWS_ENDPOINT_URL || (existsSync(file) ? readFileSync(file, 'utf8').trim() : '');
  if (endpoint === '')
    throw new Error(
      'No emulator runs: start one with npm run aws:up, or name one in AWS_ENDPOINT_URL.',
    );
  const answer = await fetch(endpoint).catch(() => undefined);
  if (!answer)
    throw new Error(
      `No AWS emulator answers at ${endpoint}. Start one with npm run aws:up, or unset AWS_ENDPOINT_URL.`,
    );
  return endpoint;
}

/**
 * The PROPAGATOR_API_URL of a deployed stage. On an emulator the API has no host name of its own.
 */
export async function apiUrlOf(endpoint: string, stage: string): Promise<string> {
  return `${endpoint}/_aws/execute-api/${await outputOf(endpoint, stage, 'HttpApiId')}`;
}

/** The stack output of that name. Throws when it does not exist. */
export async function outputOf(endpoint: string, stage: string, name: string): Promise<string> {
  const client = new CloudFormationClient({ endpoint, region: REGION, credentials: CREDENTIALS });
  const { Stacks = [] } = await client
    .send(new DescribeStacksCommand({ StackName: `propagator-${stage}` }))
    .catch(() => ({ Stacks: [] }));
  client.destroy();
  const value = Stacks[0]?.Outputs?.find(({ OutputKey }) => OutputKey === name)?.OutputValue;
  if (value === undefined)
    throw new Error(
      `There is no stack propagator-${stage} at ${endpoint}: npm run aws:deploy makes it.`,
    );
  return value;
}

/** The next commands for a stage that was just deployed. */
async function whatNext(endpoint: string, stage: string): Promise<string> {
  const variables = Object.entries({
    ...surroundings(endpoint),
    AWS_DEFAULT_REGION: REGION,
    AWS_ENDPOINT_URL_SQS: endpoint,
  });
  return `It stands. In the shell that you go on in:

  export ${variables.map(([name, value]) => `${name}=${value}`).join(' ')}
  export PROPAGATOR_API_URL=${await apiUrlOf(endpoint, stage)}

See it work, with a rehearsal cloud in a shell of its own:

  npm run aws:try${stage === 'local' ? '' : ` -- --stage ${stage}`}

Or with a cloud of yours, whose login openstack.json holds as docs/aws.md shows it (aws is the AWS CLI: localstack/README.md):

  aws secretsmanager put-secret-value --secret-id ${await outputOf(endpoint, stage, 'SecretArn')} --secret-string file://openstack.json
  npx propagator service list
  curl --aws-sigv4 aws:amz:${REGION}:execute-api --user test:test $PROPAGATOR_API_URL/v1/notifications \\
    -d '{"event_type": "identity.project.deleted", "payload": {"resource_info": "ID OF A PROJECT"}}'
  RABBITMQ_URL=amqp://… PROPAGATOR_INGEST_QUEUE_URL=${await outputOf(endpoint, stage, 'IngestQueueUrl')} npx propagator relay
  npx propagator operation list

npm run aws:deploy deploys again after a change; npm run aws:down ends the emulator, with all that is on it.`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      stage: { type: 'string', default: 'local' },
      param: { type: 'string', multiple: true, default: [] },
    },
  });
  const { stage } = values;
  const parameters = Object.fromEntries(
    values.param.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new Error(`--param=${pair}: write --param=NAME=VALUE`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
  const endpoint = await endpointHere();
  await deploy({ endpoint, stage, parameters, onStep: (step) => console.error(step) });
  console.log(await whatNext(endpoint, stage));
}

if (import.meta.main)
  await main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  });
