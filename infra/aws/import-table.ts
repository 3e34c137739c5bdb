// node infra/aws/import-table.ts --stage NAME --region REGION [--param=NAME=VALUE …]: makes the
// table of an earlier, removed stack a part of the present stack of the same stage. The present
// stack must be deployed with keptTable=yes. Deploy it without keptTable afterwards.
import { parseArgs } from 'node:util';
import {
  CloudFormationClient,
  CreateChangeSetCommand,
  DescribeStackResourceCommand,
  ExecuteChangeSetCommand,
  GetTemplateCommand,
  waitUntilChangeSetCreateComplete,
  waitUntilStackImportComplete,
} from '@aws-sdk/client-cloudformation';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import * as z from 'zod';
import { TABLE_ID, tableResource } from './template/data-resources.ts';
import { type Stack, stackOf } from './template/stack.ts';

const Template = z.looseObject({ Resources: z.record(z.string(), z.unknown()) });
const CHANGE_SET_NAME = 'import-table';
const WAIT_SECONDS = 600;

/**
 * Returns the deployed template with the table, and no other change: CloudFormation permits none in
 * an import. Throws if the stack already has a table.
 */
export function templateWithTable(deployed: unknown, stack: Stack): object {
  const template = Template.parse(deployed);
  if (template.Resources[TABLE_ID])
    throw new Error(
      `The stack ${stack.prefix} owns its table already: there is nothing to import.`,
    );
  return { ...template, Resources: { ...template.Resources, [TABLE_ID]: tableResource(stack) } };
}

interface ImportArguments {
  readonly stage: string;
  readonly region: string;
  /** The parameters of the deployment. */
  readonly parameters: Readonly<Record<string, string>>;
}

function readArguments(): ImportArguments {
  const { values } = parseArgs({
    options: {
      stage: { type: 'string' },
      region: { type: 'string' },
      param: { type: 'string', multiple: true, default: [] },
    },
  });
  const { stage, region, param } = values;
  if (stage === undefined || region === undefined)
    throw new Error(
      'Name the stack: --stage NAME --region REGION. Repeat each --param of its deployment.',
    );
  const parameters = param.map((pair) => [
    pair.split('=', 1)[0] ?? '',
    pair.replace(/^[^=]*=/, ''),
  ]);
  return { stage, region, parameters: Object.fromEntries(parameters) };
}

async function main(): Promise<void> {
  const { stage, region, parameters } = readArguments();
  const stack = stackOf(stage, { ...parameters, keptTable: '' });
  const cloudFormation = new CloudFormationClient({ region });
  const { TemplateBody = '' } = await cloudFormation.send(
    new GetTemplateCommand({ StackName: stack.prefix, TemplateStage: 'Original' }),
  );
  const template = templateWithTable(JSON.parse(TemplateBody), stack);
  const templateUrl = await upload(template, stack, region, cloudFormation);
  await importTable(templateUrl, stack, cloudFormation);
  process.stdout.write(
    `${stack.prefix} owns its table again. Deploy without keptTable from now on.\n`,
  );
}

/** Stores the template in the deployment bucket of the stack. Returns its URL. */
async function upload(
  template: object,
  { prefix: StackName }: Stack,
  region: string,
  cloudFormation: CloudFormationClient,
): Promise<string> {
  const LogicalResourceId = 'ServerlessDeploymentBucket';
  const { StackResourceDetail } = await cloudFormation.send(
    new DescribeStackResourceCommand({ StackName, LogicalResourceId }),
  );
  const Bucket = StackResourceDetail?.PhysicalResourceId;
  const Key = `${CHANGE_SET_NAME}.json`;
  await new S3Client({ region }).send(
    new PutObjectCommand({ Bucket, Key, Body: JSON.stringify(template) }),
  );
  return `https://${Bucket}.s3.${region}.amazonaws.com/${Key}`;
}

/** Imports the table with a change set of CloudFormation, and waits for the end of the import. */
async function importTable(
  TemplateURL: string,
  { prefix: StackName, topology }: Stack,
  cloudFormation: CloudFormationClient,
): Promise<void> {
  const changeSet = { StackName, ChangeSetName: CHANGE_SET_NAME };
  await cloudFormation.send(
    new CreateChangeSetCommand({
      ...changeSet,
      ChangeSetType: 'IMPORT',
      TemplateURL,
      Capabilities: ['CAPABILITY_IAM', 'CAPABILITY_NAMED_IAM'],
      ResourcesToImport: [
        {
          ResourceType: 'AWS::DynamoDB::Table',
          LogicalResourceId: TABLE_ID,
          ResourceIdentifier: { TableName: topology.table.name },
        },
      ],
    }),
  );
  const waitOptions = { client: cloudFormation, maxWaitTime: WAIT_SECONDS };
  await waitUntilChangeSetCreateComplete(waitOptions, changeSet);
  await cloudFormation.send(new ExecuteChangeSetCommand(changeSet));
  await waitUntilStackImportComplete(waitOptions, { StackName });
}

if (import.meta.main)
  await main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
