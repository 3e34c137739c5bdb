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

/** An attribute of a resource (`Fn::GetAtt`), by default its ARN. */
export const attribute = (id: string, name = 'Arn') => ({ 'Fn::GetAtt': [id, name] });
/** A reference to a resource or a pseudo parameter (`Ref`). */
export const ref = (id: string) => ({ Ref: id });
/** A pseudo parameter for the text of {@link sub}: `pseudo('Region')`. */
export const pseudo = (name: 'Region' | 'Partition' | 'AccountId'): string =>
  ['$', `{AWS::${name}}`].join('');
/** Text with placeholders (`Fn::Sub`). */
export const sub = (text: string) => ({ 'Fn::Sub': text });

/** An IAM statement that permits actions on a resource. */
export const allow = (actions: readonly string[], resource: unknown, condition?: object) => ({
  Effect: 'Allow',
  Action: actions,
  Resource: resource,
  ...(condition ? { Condition: condition } : {}),
});
/** A statement of a resource policy that refuses every call without TLS. */
export const denyWithoutTls = (actions: readonly string[], resource: unknown) => ({
  Effect: 'Deny',
  Principal: '*',
  Action: actions,
  Resource: resource,
  Condition: { Bool: { 'aws:SecureTransport': 'false' } },
});

/** An IAM policy document. */
export const policy = (statements: readonly object[]) => ({
  Version: '2012-10-17',
  Statement: statements,
});
/** The trust policy that lets an AWS service assume a role, for resources of this account. */
export const trust = (service: string) =>
  policy([
    {
      Effect: 'Allow',
      Principal: { Service: service },
      Action: 'sts:AssumeRole',
      ...(service.startsWith('scheduler')
        ? { Condition: { StringEquals: { 'aws:SourceAccount': ref('AWS::AccountId') } } }
        : {}),
    },
  ]);
