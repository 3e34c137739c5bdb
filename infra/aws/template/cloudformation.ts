/** A CloudFormation resource. */
export interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
  readonly DeletionPolicy?: 'Retain' | 'RetainExceptOnCreate';
  readonly UpdateReplacePolicy?: 'Retain';
  readonly DependsOn?: readonly string[];
}
export type Resources = Readonly<Record<string, Resource>>;

/** Converts a name to a logical id: `service-nova` becomes `ServiceNova`. */
export const logicalId = (name: string): string =>
  name
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');

/** Returns an attribute of a resource (`Fn::GetAtt`), by default its ARN. */
export const getAttribute = (id: string, name = 'Arn') => ({ 'Fn::GetAtt': [id, name] });
/** Returns a reference to a resource or to a pseudo parameter (`Ref`). */
export const ref = (id: string) => ({ Ref: id });
/** Returns the placeholder of a pseudo parameter, for example `Region`, for {@link substitute}. */
export const pseudoRef = (name: 'Region' | 'Partition' | 'AccountId'): string =>
  ['$', `{AWS::${name}}`].join('');
/** Returns a text in which CloudFormation replaces the placeholders (`Fn::Sub`). */
export const substitute = (text: string) => ({ 'Fn::Sub': text });

/** Returns an IAM statement that permits these actions on a resource. */
export const allowStatement = (
  actions: readonly string[],
  resource: unknown,
  condition?: object,
) => ({
  Effect: 'Allow',
  Action: actions,
  Resource: resource,
  ...(condition ? { Condition: condition } : {}),
});
/** Returns a statement of a resource policy that refuses every call without TLS. */
export const denyWithoutTls = (actions: readonly string[], resource: unknown) => ({
  Effect: 'Deny',
  Principal: '*',
  Action: actions,
  Resource: resource,
  Condition: { Bool: { 'aws:SecureTransport': 'false' } },
});

/** Returns an IAM policy document. */
export const policyDocument = (statements: readonly object[]) => ({
  Version: '2012-10-17',
  Statement: statements,
});
/**
 * Returns the trust policy that lets an AWS service assume a role. EventBridge Scheduler may assume
 * the role only for schedules of this account.
 */
export const trustPolicy = (service: string) =>
  policyDocument([
    {
      Effect: 'Allow',
      Principal: { Service: service },
      Action: 'sts:AssumeRole',
      ...(service.startsWith('scheduler')
        ? { Condition: { StringEquals: { 'aws:SourceAccount': ref('AWS::AccountId') } } }
        : {}),
    },
  ]);
