import { createAws } from '../../lib/engine/aws/clients.ts';
import { openAwsEngine } from '../../lib/engine/aws/open.ts';
import { CREDENTIALS, REGION } from './aws.ts';
import { withEventSources } from './aws-event-source.ts';
import { withFault } from './aws-faults.ts';
import { confirmation, operation, requested } from './samples.ts';

/**
 * A process that the test kills at a chosen point: `node aws-killed-process.ts endpoint prefix
 * service what`. It prints `stands` when it reaches the point. `commit`: its rows are written, and
 * its messages are not sent. `redrive`: dead-letter messages were sent back and not deleted.
 * `work`: a message is being handled.
 */
const [endpoint = '', prefix = '', service = '', what] = process.argv.slice(2);
const print = (...words: string[]) => process.stdout.write(`${words.join(' ')}\n`);
const stand = () => {
  print('stands');
  return new Promise<never>(() => setInterval(() => {}, 1000));
};
const aws = withFault(
  createAws({ endpoint, region: REGION, credentials: async () => CREDENTIALS }),
  (called, action, input) => {
    if (what === 'commit' && called === 'events') return stand();
    const isDead = 'QueueUrl' in input && String(input.QueueUrl).endsWith('-dead');
    return what === 'redrive' && action === 'DeleteMessageBatch' && isDead ? stand() : undefined;
  },
);
const engine = withEventSources(
  openAwsEngine({ aws, prefix, services: [service], visibilitySeconds: 3 }),
  { aws, prefix, visibilitySeconds: 3 },
);
if (what === 'commit') {
  const opened = operation();
  print('writes', opened.id);
  await engine.commit({
    operations: [opened],
    messages: [confirmation(opened.id), requested(service, 7, opened.id)],
  });
}
if (what === 'redrive') await engine.redrive({ service }, { by: 'ann' });
if (what === 'work') await engine.work(`service-${service}`, { concurrency: 1 }, () => stand());
