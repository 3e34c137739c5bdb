// npm run aws:deploy [-- --stage NAME] [--param=NAME=VALUE …]: packages the stack and deploys it on
// the emulator at AWS_ENDPOINT_URL, or on the one that `npm run aws:up` started.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { apiUrlOf, emulatorEnvironment, outputsOf, REGION, runningEndpoint } from './endpoint.ts';
import { adaptPackage, createArchive, isMiniStack } from './ministack.ts';

const ROOT = join(import.meta.dirname, '..');
const run = promisify(execFile);

/** The stage that {@link deploy} creates or updates. */
export interface Deployment {
  readonly endpoint: string;
  readonly stage: string;
  /** Settings and parameters by name. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly region?: string;
  /** Called at the start of each step. All steps together take half a minute. */
  readonly onStep?: (step: string) => void;
}

/**
 * Packages the stack of a stage, and deploys it with `serverless deploy`. For MiniStack, the
 * package is changed before the deployment: see `adaptPackage`. Every other endpoint gets the same
 * package as AWS. Throws with the output of a failed command.
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
    const params = Object.entries(parameters).map(([name, value]) => `--param=${name}=${value}`);
    const options = ['--stage', stage, '--region', region, ...params, '--package', folder];
    onStep(`Packaging the stack propagator-${stage} …`);
    await serverless(['package', ...options], {});
    const archive = (await isMiniStack(endpoint)) ? adaptPackage(folder) : undefined;
    onStep(`Deploying it at ${endpoint} …`);
    await serverless(['deploy', ...options], emulatorEnvironment(endpoint, region));
    if (archive) await createArchive(archive, stage, endpoint, region);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Runs the program `serverless`. `variables`: environment variables in addition to those of this
 * process. Throws with the output of a failed command.
 */
export async function serverless(
  args: readonly string[],
  variables: Readonly<Record<string, string>>,
): Promise<void> {
  // AWS_PROFILE would take precedence over the access keys for the emulator.
  const { AWS_PROFILE: _, ...inherited } = process.env;
  const env = {
    ...inherited,
    SLS_NOTIFICATIONS_MODE: 'off',
    SLS_TELEMETRY_DISABLED: '1',
    ...variables,
  };
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

/** Returns a text with the commands to run after the deployment. */
async function nextCommands(endpoint: string, stage: string): Promise<string> {
  const outputs = await outputsOf(endpoint, stage);
  const variables = Object.entries({
    ...emulatorEnvironment(endpoint),
    AWS_DEFAULT_REGION: REGION,
    AWS_ENDPOINT_URL_SQS: endpoint,
  });
  return `The stack propagator-${stage} is deployed. Set these variables in your shell:

  export ${variables.map(([name, value]) => `${name}=${value}`).join(' ')}
  export PROPAGATOR_API_URL=${apiUrlOf(endpoint, outputs)}

To delete the project of a customer in a rehearsal cloud, run in a second shell:

  npm run aws:try${stage === 'local' ? '' : ` -- --stage ${stage}`}

To use a cloud of your own, write its login to openstack.json (docs/aws.md, section 2). The command
aws is the AWS CLI (localstack/README.md):

  aws secretsmanager put-secret-value --secret-id ${outputs.SecretArn} --secret-string file://openstack.json
  npx propagator service list
  curl --aws-sigv4 aws:amz:${REGION}:execute-api --user test:test $PROPAGATOR_API_URL/v1/notifications \\
    -d '{"event_type": "identity.project.deleted", "payload": {"resource_info": "ID OF A PROJECT"}}'
  RABBITMQ_URL=amqp://… PROPAGATOR_INGEST_QUEUE_URL=${outputs.IngestQueueUrl} npx propagator relay
  npx propagator operation list

After a change of the code, run npm run aws:deploy again. npm run aws:down stops the emulator and
deletes everything on it.`;
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
      const separator = pair.indexOf('=');
      if (separator < 1) throw new Error(`--param=${pair}: write --param=NAME=VALUE`);
      return [pair.slice(0, separator), pair.slice(separator + 1)];
    }),
  );
  const endpoint = await runningEndpoint();
  await deploy({ endpoint, stage, parameters, onStep: (step) => console.error(step) });
  console.log(await nextCommands(endpoint, stage));
}

if (import.meta.main)
  await main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  });
