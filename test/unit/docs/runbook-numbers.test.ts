import { readFileSync } from 'node:fs';
import { THRESHOLDS } from '../../../infra/aws/template/alarm-thresholds.ts';
import { functionsOf } from '../../../infra/aws/template/functions.ts';
import { stackOf } from '../../../infra/aws/template/stack.ts';

const stack = stackOf('prod', {});
const queueOf = (name: string) => {
  const found = stack.topology.queues.find(({ queue }) => queue === name);
  if (!found) throw new Error(`the template has no queue ${name}`);
  return found;
};
const [ingest, coordinate, nova] = ['ingest', 'coordinate', 'service-nova'].map(queueOf);
const atOnce = (name: string) =>
  functionsOf(stack).find((one) => one.name === name)?.queue?.maxConcurrency;
const days = (seconds = 0) => seconds / 86_400;
const minutes = (seconds = 0) => Math.floor(seconds / 60);
/** The time until a message of a service is dead-lettered if the function dies at each delivery. */
const toDeath = minutes((nova?.maxReceives ?? 0) * (nova?.visibilitySeconds ?? 0));
const { oldestMessageSeconds, ...limit } = THRESHOLDS;

/** Every number that a runbook takes from the template, as the sentence has it. */
const SENTENCES: readonly (readonly [page: string, sentence: string])[] = [
  [
    'oldest-message',
    `For ${limit.oldestMessageMinutes} minutes the oldest message of a queue has been older than ${oldestMessageSeconds.ingest} s`,
  ],
  ['oldest-message', `${oldestMessageSeconds.service} s (a service)`],
  ['oldest-message', `keeps messages for ${days(nova?.retentionSeconds)} days`],
  [
    'oldest-message',
    `dead-letter messages for ${days(nova?.deadLetterQueue.retentionSeconds)} days`,
  ],
  ['oldest-message', `At most ${atOnce('service-nova')} invocations of a service's function`],
  ['oldest-message', `after ${nova?.maxReceives} deliveries`],
  [
    'function-errors',
    `More than ${limit.functionErrors} invocations of a function within ${limit.functionErrorMinutes} minutes`,
  ],
  ['function-errors', `${minutes(ingest?.visibilitySeconds)} minutes for \`ingest\` and`],
  ['function-errors', `${minutes(coordinate?.visibilitySeconds)} minutes for \`ingest\` and`],
  ['function-errors', `${minutes(nova?.visibilitySeconds)} minutes for a service`],
  ['function-errors', `after ${nova?.maxReceives} such deliveries`],
  ['dead-letters', `after ${nova?.maxReceives} deliveries`],
  ['dead-letters', `up to ${Math.floor(toDeath / 60)} hours ${toDeath % 60} minutes`],
  ['function-throttles', `For ${limit.throttleMinutes} minutes Lambda`],
  ['function-throttles', `At most ${atOnce('service-nova')} invocations of a service's function`],
  [
    'function-throttles',
    `\`coordinate\`: ${atOnce('coordinate')}, \`ingest\`: ${atOnce('ingest')}`,
  ],
  ['silent-source', `For ${stack.parameters.silentMinutes} minutes`],
  ['sweep-missing', `has not run for ${limit.sweepMinutes} minutes`],
  ['dead-letters-expire', `the last ${days(nova?.deadLetterQueue.retentionSeconds) / 2} days`],
  ['dead-letters-expire', `after ${days(nova?.deadLetterQueue.retentionSeconds)} days`],
  ['dead-letters-expire', `up to ${days(nova?.retentionSeconds)} of the`],
  [
    'api-errors',
    `more than ${limit.api5xxAnswers} requests failed within ${limit.apiErrorMinutes} minutes`,
  ],
  [
    'api-errors',
    `longer than ${limit.apiLatencySeconds} s (p99) for ${limit.apiLatencyMinutes} minutes`,
  ],
  ['README', `arrived for ${stack.parameters.silentMinutes} minutes`],
  ['README', `has not run for ${limit.sweepMinutes} minutes`],
];

describe('the numbers of the runbooks', () => {
  it.each(SENTENCES)('%s has the number of the template: %s', (page, sentence) => {
    const file = new URL(`../../../docs/runbooks/${page}.md`, import.meta.url);
    const text = readFileSync(file, 'utf8').replace(/\s+/g, ' ');
    expect(text).toContain(sentence);
  });

  it('include the concurrency of a service, which docs/settings.md multiplies', () => {
    const file = new URL('../../../docs/settings.md', import.meta.url);
    expect(readFileSync(file, 'utf8')).toContain(
      `up to ${atOnce('service-nova')} invocations of a service's function run at the same time, so a ` +
        `service gets up to ${atOnce('service-nova')} times as many calls`,
    );
  });
});
