// node infra/aws/import-table.ts --stage NAME --region REGION [--param=NAME=VALUE …]: adds the
// table of an earlier, removed stack to the stack of that stage, which was deployed with
// keptTable=yes. Deploy without keptTable afterwards.
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
const CHANGE_SET = 'import-table';
const WAIT_SECONDS = 600;

/**
 * Returns the deployed template with the table, because CloudFormation permits no other change in
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

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      stage: { type: 'string' },
      region: { type: 'string' },
      param: { type: 'string', multiple: true, default: [] },
    },
  });
  const { stage, region, param } = values;
  if (stage === undefined || region === undefined)
    throw new Error('Name the stack: --stage NAME --region REGION, and the --param of its deploy.');
  const parameters = param.map((pair) => [
    pair.split('=', 1)[0] ?? '',
    pair.replace(/^[^=]*=/, ''),
  ]);
  const stack = stackOf(stage, { ...Object.fromEntries(parameters), keptTable: '' });
  const StackName = stack.prefix;
  const [formation, storage] = [new CloudFormationClient({ region }), new S3Client({ region })];
  const { TemplateBody = '' } = await formation.send(
    new GetTemplateCommand({ StackName, TemplateStage: 'Original' }),
  );
  const template = templateWithTable(JSON.parse(TemplateBody), stack);
  const LogicalResourceId = 'ServerlessDeploymentBucket';
  const { StackResourceDetail } = await formation.send(
    new DescribeStackResourceCommand({ StackName, LogicalResourceId }),
  );
  const Bucket = StackResourceDetail?.PhysicalResourceId;
  const Key = `${CHANGE_SET}.json`;
  await storage.send(new PutObjectCommand({ Bucket, Key, Body: JSON.stringify(template) }));
  const change = { StackName, ChangeSetName: CHANGE_SET };
  await formation.send(
    new CreateChangeSetCommand({
      ...change,
      ChangeSetType: 'IMPORT',
      TemplateURL: `https://${Bucket}.s3.${region}.amazonaws.com/${Key}`,
      Capabilities: ['CAPABILITY_IAM', 'CAPABILITY_NAMED_IAM'],
      ResourcesToImport: [
        {
          ResourceType: 'AWS::DynamoDB::Table',
          LogicalResourceId: TABLE_ID,
          ResourceIdentifier: { TableName: stack.topology.table.name },
        },
      ],
    }),
  );
  const waiter = { client: formation, maxWaitTime: WAIT_SECONDS };
  await waitUntilChangeSetCreateComplete(waiter, change);
  await formation.send(new ExecuteChangeSetCommand(change));
  await waitUntilStackImportComplete(waiter, { StackName });
  process.stdout.write(
    `${StackName} owns its table again. Deploy without keptTable from now on.\n`,
  );
}

if (import.meta.main)
  await main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
