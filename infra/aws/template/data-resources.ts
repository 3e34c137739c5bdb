import { type Severity, topicId } from './alarm.ts';
import {
  allowStatement,
  denyWithoutTls,
  getAttribute,
  policyDocument,
  pseudoRef,
  type Resource,
  type Resources,
  ref,
  substitute,
} from './cloudformation.ts';
import type { Stack } from './stack.ts';

/**
 * With these policies, CloudFormation keeps a resource when the stack is removed or the resource is
 * replaced. If the deployment that creates the resource fails, CloudFormation deletes the empty
 * resource, so that the next deployment can use its name.
 */
const RETENTION_POLICIES = {
  DeletionPolicy: 'RetainExceptOnCreate',
  UpdateReplacePolicy: 'Retain',
} as const;

/** Builds the table, the secret and the topics of the alarms. */
export function dataResources(stack: Stack): Resources {
  const { parameters, prefix } = stack;
  const { kmsKey } = parameters;
  return {
    ...(parameters.keptTable ? {} : { [TABLE_ID]: tableResource(stack) }),
    ...(parameters.secret
      ? {}
      : {
          Secret: {
            Type: 'AWS::SecretsManager::Secret',
            ...RETENTION_POLICIES,
            Properties: {
              Name: `${prefix}/openstack`,
              Description:
                'The login of the cloud: OS_* variables as one JSON object. ' +
                'The operator must fill it in.',
              ...(kmsKey ? { KmsKeyId: kmsKey } : {}),
            },
          },
        }),
    ...topicResources(stack),
  };
}

/** Builds a topic per severity. Only CloudWatch alarms of this account may publish, with TLS. */
function topicResources({ parameters, prefix }: Stack): Resources {
  const { kmsKey, alarmEmail, pageEmail } = parameters;
  const topic = (severity: Severity, email: string): Resource => ({
    Type: 'AWS::SNS::Topic',
    Properties: {
      TopicName: `${prefix}-${severity}`,
      ...(kmsKey ? { KmsMasterKeyId: kmsKey } : {}),
      ...(email ? { Subscription: [{ Protocol: 'email', Endpoint: email }] } : {}),
    },
  });
  const topicRefs = [ref(topicId('page')), ref(topicId('ticket'))];
  return {
    [topicId('page')]: topic('page', pageEmail || alarmEmail),
    [topicId('ticket')]: topic('ticket', alarmEmail),
    TopicPolicy: {
      Type: 'AWS::SNS::TopicPolicy',
      Properties: {
        Topics: topicRefs,
        PolicyDocument: policyDocument([
          {
            ...allowStatement(['sns:Publish'], topicRefs, {
              StringEquals: { 'aws:SourceAccount': ref('AWS::AccountId') },
            }),
            Principal: { Service: 'cloudwatch.amazonaws.com' },
          },
          denyWithoutTls(['sns:Publish'], topicRefs),
        ]),
      },
    },
  };
}

export const TABLE_ID = 'Table';
/** Builds the table with all data of the stage. */
export const tableResource = (stack: Stack): Resource => ({
  Type: 'AWS::DynamoDB::Table',
  ...RETENTION_POLICIES,
  Properties: tableProperties(stack),
});

function tableProperties({
  topology: { table: definition },
  parameters: { kmsKey, protectTable },
}: Stack) {
  const key = (partition: string, sort: string) => [
    { AttributeName: partition, KeyType: 'HASH' },
    { AttributeName: sort, KeyType: 'RANGE' },
  ];
  return {
    TableName: definition.name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: Object.entries(definition.attributes).map(
      ([AttributeName, AttributeType]) => ({
        AttributeName,
        AttributeType,
      }),
    ),
    KeySchema: key(definition.partitionKey, definition.sortKey),
    GlobalSecondaryIndexes: definition.indexes.map((index) => ({
      IndexName: index.name,
      KeySchema: key(index.partitionKey, index.sortKey),
      Projection: { ProjectionType: index.projection },
    })),
    TimeToLiveSpecification: { AttributeName: definition.timeToLive, Enabled: true },
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    SSESpecification: {
      SSEEnabled: true,
      SSEType: 'KMS',
      ...(kmsKey ? { KMSMasterKeyId: kmsKey } : {}),
    },
    DeletionProtectionEnabled: protectTable === 'yes',
  };
}

/**
 * Returns the ARN of the table, built from its name. It is not a reference to the resource, because
 * a stack that uses the kept table of an earlier stack has no such resource. CloudFormation refuses
 * an import that changes other resources, so the ARN must be the same before and after the import.
 */
export const tableArn = ({ topology: { table: definition } }: Stack) =>
  substitute(
    `arn:${pseudoRef('Partition')}:dynamodb:${pseudoRef('Region')}:${pseudoRef('AccountId')}:` +
      `table/${definition.name}`,
  );

/** Returns the ARN of the secret in the parameters, or of the secret that this stack creates. */
export const secretArn = ({ parameters: { secret } }: Stack): unknown =>
  secret || getAttribute('Secret', 'Id');
