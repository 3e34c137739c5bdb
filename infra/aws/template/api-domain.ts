import { getAttribute, type Resources, ref } from './cloudformation.ts';
import type { Stack } from './stack.ts';

/**
 * Returns the resources for the name of the API in the DNS of the operator, if the parameters name
 * one. The API also keeps its address in API Gateway, because the commands sign their requests for
 * that address.
 */
export function apiDomainResources({ parameters }: Stack): Resources {
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
      // The Serverless Framework creates the API and its stage.
      Properties: {
        DomainName: ref('ApiDomain'),
        ApiId: ref('HttpApi'),
        Stage: ref('HttpApiStage'),
      },
    },
  };
}

/** Returns the outputs that the operator needs for the DNS record of the API. */
export const apiDomainOutputs = ({ parameters }: Stack): Record<string, object> =>
  parameters.apiDomain === ''
    ? {}
    : {
        ApiDomainTarget: {
          Description: 'Make the DNS name of the API an alias, or a CNAME, of this name',
          Value: getAttribute('ApiDomain', 'RegionalDomainName'),
        },
        ApiDomainZone: {
          Description: 'The hosted zone of that name, for an alias in Route 53',
          Value: getAttribute('ApiDomain', 'RegionalHostedZoneId'),
        },
      };
