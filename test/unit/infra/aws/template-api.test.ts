import { describe, expect, it } from '@jest/globals';
import { serverlessFunctions } from '../../../../infra/aws/template/serverless-functions.ts';
import { stackOf } from '../../../../infra/aws/template/stack.ts';
import { serverlessResources } from '../../../../infra/aws/template/template.ts';

describe('the API', () => {
  it('has throttling, and the operator can set the rate', () => {
    const { extensions } = serverlessResources(stackOf('test', { apiRate: '5' }));
    expect(extensions.HttpApiStage).toEqual({
      Properties: { DefaultRouteSettings: { ThrottlingRateLimit: 5, ThrottlingBurstLimit: 10 } },
    });
  });
});

describe('the callers of the API', () => {
  const eventsOf = (given: Record<string, string>) => {
    const { api, ingest, coordinate } = serverlessFunctions(stackOf('test', given));
    const httpOf = (one: object | undefined) =>
      (Reflect.get(one ?? {}, 'events') as object[]).flatMap((event) =>
        'httpApi' in event ? [event.httpApi] : [],
      );
    return { api: httpOf(api), ingest: httpOf(ingest), coordinate: httpOf(coordinate) };
  };
  const KEYSTONE = { PROPAGATOR_API_AUTH: 'keystone' };

  it('are IAM principals by default', () => {
    const authorizer = { type: 'aws_iam' };
    expect(eventsOf({})).toEqual({
      api: [{ method: '*', path: '/{proxy+}', authorizer }],
      ingest: [{ method: 'POST', path: '/v1/notifications', authorizer }],
      coordinate: [],
    });
  });

  it('reach only the function that validates their tokens with PROPAGATOR_API_AUTH=keystone', () => {
    const events = eventsOf(KEYSTONE);
    expect(events).toEqual({
      api: [{ method: '*', path: '/{proxy+}' }],
      ingest: [],
      coordinate: [],
    });
    const { api } = serverlessFunctions(
      stackOf('test', { ...KEYSTONE, PROPAGATOR_API_SCOPES: 'system,domain:d1' }),
    );
    expect(Reflect.get(api ?? {}, 'environment')).toMatchObject({
      PROPAGATOR_API_AUTH: 'keystone',
      PROPAGATOR_API_SCOPES: 'system,domain:d1',
    });
  });

  it('cannot be the owners of local tokens', () => {
    expect(() => stackOf('test', { PROPAGATOR_API_AUTH: 'token' })).toThrow(
      'PROPAGATOR_API_AUTH: on AWS, set it to `keystone`, or omit it',
    );
    expect(() => stackOf('test', { PROPAGATOR_API_TOKENS: 'ann=x' })).toThrow(
      'PROPAGATOR_API_TOKENS: only the embedded process and the relay have this setting',
    );
  });
});

describe('the domain of the API', () => {
  const DOMAIN = {
    apiDomain: 'propagator.example.org',
    apiCertificate: 'arn:aws:acm:eu-central-1:123456789012:certificate/c',
  };

  it('is not created by default', () => {
    const { Resources, Outputs } = serverlessResources(stackOf('test', {}));
    expect(Object.values(Resources).map(({ Type }) => Type)).not.toContain(
      'AWS::ApiGatewayV2::DomainName',
    );
    expect(Object.keys(Outputs).filter((name) => name.startsWith('ApiDomain'))).toEqual([]);
  });

  it('has the certificate of the operator and TLS 1.2, and leads to the stage of the API', () => {
    const { Resources, Outputs } = serverlessResources(stackOf('test', DOMAIN));
    expect(Resources.ApiDomain).toEqual({
      Type: 'AWS::ApiGatewayV2::DomainName',
      Properties: {
        DomainName: DOMAIN.apiDomain,
        DomainNameConfigurations: [
          {
            CertificateArn: DOMAIN.apiCertificate,
            EndpointType: 'REGIONAL',
            SecurityPolicy: 'TLS_1_2',
          },
        ],
      },
    });
    expect(Resources.ApiDomainMapping?.Properties).toEqual({
      DomainName: { Ref: 'ApiDomain' },
      ApiId: { Ref: 'HttpApi' },
      Stage: { Ref: 'HttpApiStage' },
    });
    expect(Outputs).toMatchObject({
      ApiDomainTarget: { Value: { 'Fn::GetAtt': ['ApiDomain', 'RegionalDomainName'] } },
      ApiDomainZone: { Value: { 'Fn::GetAtt': ['ApiDomain', 'RegionalHostedZoneId'] } },
    });
  });

  it('needs a certificate, and the certificate needs a domain', () => {
    for (const [name, value] of Object.entries(DOMAIN))
      expect(() => stackOf('test', { [name]: value })).toThrow('apiDomain and apiCertificate');
    expect(() => stackOf('test', { ...DOMAIN, apiDomain: 'https://propagator' })).toThrow(
      'write a name in lower case',
    );
    expect(() => stackOf('test', { ...DOMAIN, apiCertificate: 'arn:aws:iam::1:x' })).toThrow(
      'write the ARN of a certificate',
    );
  });
});
