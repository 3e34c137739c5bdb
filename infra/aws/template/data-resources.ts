import { attribute, pseudo, type Resources, ref, sub } from './cloudformation.ts';
import type { Stack } from './stack.ts';

/**
 * The table, the secret and the alarm topic. The table and the secret are retained when the stack
 * is removed, because they record which accounts were deleted when.
 */
export function state(stack: Stack): Resources {
  const { parameters, prefix } = stack;
  const { kmsKey, alarmEmail } = parameters;
  const kept = { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' } as const;
  return {
    ...(parameters.keptTable
      ? {}
      : { Table: { Type: 'AWS::DynamoDB::Table', ...kept, Properties: table(stack) } }),
    ...(parameters.secret
      ? {}
      : {
          Secret: {
            Type: 'AWS::SecretsManager::Secret',
            ...kept,
            Properties: {
              Name: `${prefix}/openstack`,
              Description:
                'The login of the cloud: OS_* variables as one JSON object. Empty until a person fills it in.',
              ...(kmsKey ? { KmsKeyId: kmsKey } : {}),
            },
          },
        }),
    Alarms: {
      Type: 'AWS::SNS::Topic',
      Properties: {
        TopicName: `${prefix}-alarms`,
        ...(kmsKey ? { KmsMasterKeyId: kmsKey } : {}),
        ...(alarmEmail ? { Subscription: [{ Protocol: 'email', Endpoint: alarmEmail }] } : {}),
      },
    },
  };
}

function table({ topology: { table: of }, parameters: { kmsKey } }: Stack) {
  const key = (partition: string, sort: string) => [
    { AttributeName: partition, KeyType: 'HASH' },
    { AttributeName: sort, KeyType: 'RANGE' },
  ];
  return {
    TableName: of.name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: Object.entries(of.attributes).map(([AttributeName, AttributeType]) => ({
      AttributeName,
      AttributeType,
    })),
    KeySchema: key(of.partitionKey, of.sortKey),
    GlobalSecondaryIndexes: of.indexes.map((index) => ({
      IndexName: index.name,
      KeySchema: key(index.partitionKey, index.sortKey),
      Projection: { ProjectionType: index.projection },
    })),
    TimeToLiveSpecification: { AttributeName: of.timeToLive, Enabled: true },
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    SSESpecification: {
      SSEEnabled: true,
      SSEType: 'KMS',
      ...(kmsKey ? { KMSMasterKeyId: kmsKey } : {}),
    },
    DeletionProtectionEnabled: true,
  };
}

/** The ARN of the table. A table that an earlier stack of this stage left has the same name. */
export const tableArn = ({ parameters, topology: { table: of } }: Stack): unknown =>
  parameters.keptTable
    ? sub(
        `arn:${pseudo('Partition')}:dynamodb:${pseudo('Region')}:${pseudo('AccountId')}:table/${of.name}`,
      )
    : attribute('Table');
/** The name of the table, created by this stack or left by an earlier one. */
export const tableName = ({ parameters, topology: { table: of } }: Stack): unknown =>
  parameters.keptTable ? of.name : ref('Table');

/** The ARN of the secret, created by this stack or given as a parameter. */
export const secretArn = ({ parameters: { secret } }: Stack): unknown =>
  secret || attribute('Secret', 'Id');
