import { alarms } from './alarms.ts';
import { ref } from './cloudformation.ts';
import { dashboard } from './dashboard.ts';
import { roles } from './roles.ts';
import { routes } from './routes.ts';
import type { Stack } from './stack.ts';
import { secretArn, state } from './state.ts';

/** The `resources` of serverless.yml: all but the functions, their log groups and what feeds them. */
export const serverlessResources = (stack: Stack) => ({
  Description: 'Carries account changes of OpenStack Keystone to every service',
  Resources: { ...state(stack), ...routes(stack), ...roles(stack), ...alarms(stack), Dashboard: dashboard(stack) },
  Outputs: {
    TableName: { Value: ref('Table') },
    BusName: { Value: ref('Bus') },
    IngestQueueUrl: { Description: 'Where a relay puts notifications', Value: ref('IngestQueue') },
    SecretArn: { Description: 'Put the OS_* variables in it as one JSON object', Value: secretArn(stack) },
    AlarmTopicArn: { Value: ref('Alarms') },
  },
});
