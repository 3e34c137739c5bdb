import { inOrder, ofType, packaged, partsOf, statementsOf } from './package-fixture.ts';

describe('the parameters of the stack', () => {
  it('set a network, a key, a secret, settings, and a function for a service over HTTP', () => {
    const key = 'arn:aws:kms:eu-central-1:1:key/k';
    const secret = 'arn:aws:secretsmanager:eu-central-1:1:secret:cloud-abcdef';
    const given = {
      subnets: 'subnet-1, subnet-2',
      securityGroups: 'sg-1',
      kmsKey: key,
      secret,
      keptTable: 'yes',
      logDays: '30',
      PROPAGATOR_MODE: 'enforce',
    };
    const remote = 'PROPAGATOR_REMOTE_SERVICES=billing=https://billing.example/tasks';
    const own = packaged(
      ...Object.entries(given).map(([name, value]) => `--param=${name}=${value}`),
      `--param=${remote}`,
    );
    const { lambda, source, role } = partsOf('service-billing', own);
    expect(lambda.properties).toMatchObject({
      VpcConfig: { SubnetIds: ['subnet-1', 'subnet-2'], SecurityGroupIds: ['sg-1'] },
      KmsKeyArn: key,
      Environment: { Variables: { PROPAGATOR_MODE: 'enforce', STACK_SECRET_ARN: secret } },
    });
    expect(source.properties).toMatchObject({ KmsMasterKeyId: key });
    expect(own.resources.Table).toBeUndefined();
    expect(own.resources.Secret).toBeUndefined();
    expect(statementsOf(role).map(({ Resource }) => Resource)).toEqual(
      expect.arrayContaining([secret, key]),
    );
    expect(JSON.stringify(role.ManagedPolicyArns)).toContain('AWSLambdaVPCAccessExecutionRole');
    for (const [, { RetentionInDays, KmsKeyId }] of ofType('AWS::Logs::LogGroup', own))
      expect([RetentionInDays, KmsKeyId]).toEqual([30, key]);
    expect(inOrder(own.resources)).toHaveLength(Object.keys(own.resources).length);
  });

  it('refuse an invalid value before the deployment', () => {
    expect(() => packaged('--param=PROPAGATOR_MODE=destroy')).toThrow(
      /PROPAGATOR_MODE: Invalid option/,
    );
    expect(() => packaged('--param=subnets=subnet-1')).toThrow(/subnets and securityGroups/);
  });

  it('refuse an unknown name in one line, because it would have no effect', () => {
    expect(() => packaged('--param=PROPAGATOR_MOD=enforce')).toThrow(
      /PROPAGATOR_MOD: unknown parameter; the parameters are .*PROPAGATOR_MODE/,
    );
    const output = (): string => {
      try {
        return `packaged ${packaged('--param=alarmMail=a@example.org').text.length} bytes`;
      } catch (error) {
        return String(error);
      }
    };
    expect(
      output()
        .split('\n')
        .filter((line) => line.includes('alarmMail')),
    ).toHaveLength(1);
    expect(output()).not.toMatch(/^\s+at /m);
  });
});
