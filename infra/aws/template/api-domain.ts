import { attribute, type Resources, ref } from './cloudformation.ts';
import type { Stack } from './stack.ts';

/**
 * The name of the API in the operator's DNS. The address of API Gateway keeps working: the commands
 * sign their calls for it.
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
      // The packaging creates the API and its stage.
      Properties: {
        DomainName: ref('ApiDomain'),
        ApiId: ref('HttpApi'),
        Stage: ref('HttpApiStage'),
      },
    },
  };
}

/** The outputs with which the operator points the name to API Gateway. */
export const apiDomainOutputs = ({ parameters }: Stack): Record<string, object> =>
  parameters.apiDomain === ''
    ? {}
    : {
        ApiDomainTarget: {
          Description: 'The DNS name of the API is an alias, or a CNAME, of this name',
          Value: attribute('ApiDomain', 'RegionalDomainName'),
        },
        ApiDomainZone: {
          Description: 'The hosted zone of that name, for an alias in Route 53',
          Value: attribute('ApiDomain', 'RegionalHostedZoneId'),
        },
      };
