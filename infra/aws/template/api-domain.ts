import { attribute, type Resources, ref } from './cloudformation.ts';
import type { Stack } from './stack.ts';

/**
 * Returns the resources for the API's name in the operator's DNS. The address of API Gateway
 * remains valid, because commands sign their calls for it.
 */
export function apiDomain({ parameters }: Stack): Resources {
  const { apiDomain: DomainName, apiCertificate: CertificateArn } = parameters;
  if (DomainName === '') return {};
  return {
    ApiDomain: {
      Type: 'AWS::ApiGatewayV2::DomainName',
      Properties: {
        DomainName,
        DomainNameConfigurations: [
          { CertificateArn, EndpointType: 'REGIONAL', SecurityPolicy: 'TLS_1_2' },
        ],
      },
    },
    ApiDomainMapping: {
      Type: 'AWS::ApiGatewayV2::ApiMapping',
      // osls creates the API and its stage.
      Properties: {
        DomainName: ref('ApiDomain'),
        ApiId: ref('HttpApi'),
        Stage: ref('HttpApiStage'),
      },
    },
  };
}

/** The outputs that the operator needs for the DNS record of the name. */
export const apiDomainOutputs = ({ parameters }: Stack): Record<string, object> =>
  parameters.apiDomain === ''
    ? {}
    : {
        ApiDomainTarget: {
          Description: 'Make the DNS name of the API an alias, or a CNAME, of this name',
          Value: attribute('ApiDomain', 'RegionalDomainName'),
        },
        ApiDomainZone: {
          Description: 'The hosted zone of that name, for an alias in Route 53',
          Value: attribute('ApiDomain', 'RegionalHostedZoneId'),
        },
      };
