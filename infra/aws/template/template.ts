import { topicId } from './alarm.ts';
import { alarmResources } from './alarms.ts';
import { apiDomainOutputs, apiDomainResources } from './api-domain.ts';
import { type Resources, ref } from './cloudformation.ts';
import { dashboardResources } from './dashboard.ts';
import { dataResources, secretArn } from './data-resources.ts';
import { resourceExtensions } from './extensions.ts';
import { functionsOf } from './functions.ts';
import { checkLimits } from './limits.ts';
import { roleResources } from './roles.ts';
import { routeResources } from './routes.ts';
import { environmentOf } from './serverless-functions.ts';
import type { Stack } from './stack.ts';

/**
 * Builds the section `resources` of serverless.yml. The functions, their log groups and their event
 * sources are not in it: the Serverless Framework adds them. Throws for a stack that exceeds a
 * limit of AWS.
 */
export function serverlessResources(stack: Stack) {
  const resources: Resources = {
    ...dataResources(stack),
    ...routeResources(stack),
    ...roleResources(stack),
    ...alarmResources(stack),
    ...dashboardResources(stack),
    ...apiDomainResources(stack),
  };
  checkLimits(
    stack,
    resources,
    functionsOf(stack).map((definition) => environmentOf(definition, stack)),
  );
  return {
    extensions: resourceExtensions(stack),
    Description: 'Carries account changes of OpenStack Keystone to every service',
    Resources: resources,
    Outputs: {
      TableName: { Value: stack.topology.table.name },
      BusName: { Value: ref('Bus') },
      IngestQueueUrl: {
        Description: 'The queue to which a relay sends notifications',
        Value: ref('IngestQueue'),
      },
      SecretArn: {
        Description: 'Put the OS_* variables in it as one JSON object',
        Value: secretArn(stack),
      },
      PageTopicArn: {
        Description: 'Alarms on which a person must act now',
        Value: ref(topicId('page')),
      },
      TicketTopicArn: {
        Description: 'Alarms on which a person must act within days',
        Value: ref(topicId('ticket')),
      },
      ...apiDomainOutputs(stack),
    },
  };
}
