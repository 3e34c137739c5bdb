/** A resource as CloudFormation takes it. */
export interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
  readonly DeletionPolicy?: 'Retain';
  readonly UpdateReplacePolicy?: 'Retain';
  readonly DependsOn?: readonly string[];
}
export type Resources = Readonly<Record<string, Resource>>;

/** `service-nova` as a logical id: `ServiceNova`. */
export const logicalId = (name: string): string =>
  name
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');

export const attribute = (id: string, name = 'Arn') => ({ 'Fn::GetAtt': [id, name] });
export const ref = (id: string) => ({ Ref: id });
/** What CloudFormation knows of itself, within the text of a {@link sub}: `pseudo('Region')`. */
export const pseudo = (name: 'Region' | 'Partition' | 'AccountId'): string =>
  ['$', `{AWS::${name}}`].join('');
export const sub = (text: string) => ({ 'Fn::Sub': text });

export const allow = (actions: readonly string[], resource: unknown, condition?: object) => ({
  Effect: 'Allow',
  Action: actions,
  Resource: resource,
  ...(condition ? { Condition: condition } : {}),
});
export const policy = (statements: readonly object[]) => ({
  Version: '2012-10-17',
  Statement: statements,
});
/** Who may take on a role: a service of AWS, for resources of this account. */
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
