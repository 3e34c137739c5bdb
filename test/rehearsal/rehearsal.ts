import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { ServiceName } from '../../events/ids.ts';
import { colors, duration, table } from '../../lib/cli/output.ts';
import { DeadLettersShape, type OperationShape, OperationsShape } from '../../lib/cli/shapes.ts';
import { connectCloud } from '../../lib/openstack/connect.ts';
import { readCredentials } from '../../lib/openstack/credentials.ts';
import { openFixture, type RehearsalFixture } from './rehearsal-fixture.ts';
import { openScreen } from './screen.ts';

/**
 * A complete cleanup on a cloud in memory: one customer is deleted, a neighbor is not. The exit code
 * is 0 only if no resource of the customer is left, the neighbor is unchanged, and the service that
 * failed at first was dead-lettered, redriven and finished.
 */
const AT_MOST_MILLIS = 55_000;
const startedAt = Date.now();
const screen = openScreen();
screen.print(
  'A rehearsal of the cleanup after a customer is deleted. Everything runs on this machine, on a cloud in memory.',
);

const fixture = await openFixture();
const { cloud, customer, neighbor, client } = fixture;
const neighborBefore = neighbor.projects.map(({ id }) => cloud.store.resources(id));
const held = customer.projects.reduce((sum, { id }) => sum + cloud.store.resources(id).length, 0);
screen.print(
  `The customer "acme" has ${customer.projects.length} projects with ${held} resources. The neighbor "globex" has the same, with the same names.`,
);

const repairNova = cloud.faults.add({
  service: 'nova',
  method: 'DELETE',
  path: /^\/v2\.1\/servers\//,
  effect: { does: 'answer', status: 409, message: 'Cannot delete: the server is busy' },
});
screen.print(
  'For now, Nova answers 409 to every deletion of a server. Now the projects and the domain are deleted in Keystone.',
);
await deleteCustomer(fixture);

let redriven = 0;
let operations: OperationShape[] = [];
while (Date.now() - startedAt < AT_MOST_MILLIS) {
  ({ operations } = await client.get('/v1/operations', OperationsShape));
  screen.show(operations);
  if (redriven === 0) redriven = await redriveOnce();
  if (
    operations.length > customer.projects.length &&
    operations.every(({ operation }) => operation.state === 'finished')
  )
    break;
  await delay(100);
}
screen.done();
const isTrue = report();
await fixture.close();
process.exitCode = isTrue ? 0 : 1;

/** Acts as an administrator of the cloud: deletes the projects, disables the domain and deletes it. */
async function deleteCustomer({ cloud: from, customer: leaving }: RehearsalFixture): Promise<void> {
  const admin = connectCloud(
    readCredentials({
      env: from.credentials,
      readFile: () => undefined,
      home: '/nonexistent',
      cwd: '/nonexistent',
    }),
  );
  const keystone = await admin.api(
    {
      name: ServiceName.parse('keystone'),
      catalogTypes: ['identity'],
      microversion: undefined,
      concurrency: 1,
    },
    'RegionOne',
  );
  if (!keystone) throw new Error('the rehearsal cloud has no Keystone in its catalog');
  for (const { id } of leaving.projects) await keystone.request('DELETE', `/projects/${id}`);
  await keystone.request('PATCH', `/domains/${leaving.domainId}`, {
    json: { domain: { enabled: false } },
  });
  await keystone.request('DELETE', `/domains/${leaving.domainId}`);
  await admin.close();
}

/**
 * When the Nova task of every project is dead-lettered, repairs Nova and redrives the messages.
 */
async function redriveOnce(): Promise<number> {
  const { deadLetters } = await client.get('/v1/dead-letters?service=nova', DeadLettersShape);
  if (deadLetters.length < customer.projects.length) return 0;
  const [first] = deadLetters;
  screen.print(
    `${deadLetters.length} dead letters of Nova (${first?.error?.code}: ${first?.error?.message}). Nova is repaired, and the dead letters are redriven.`,
  );
  repairNova();
  const answer = await client.post(
    '/v1/dead-letters/redrive',
    { service: 'nova' },
    z.object({ redriven: z.number() }),
  );
  return answer.redriven;
}

function report(): boolean {
  const color = colors(process.stdout, process.env);
  const resourceTypes = new Map<string, { found: number; removed: number; left: number }>();
  for (const count of operations.flatMap(({ tasks }) =>
    tasks.flatMap((task) => Object.entries(task.counts)),
  )) {
    const [resourceType, { found, removed, left }] = count;
    const sum = resourceTypes.get(resourceType) ?? { found: 0, removed: 0, left: 0 };
    resourceTypes.set(resourceType, {
      found: sum.found + found,
      removed: sum.removed + removed,
      left: sum.left + left,
    });
  }
  const rows = [...resourceTypes]
    .filter(([, { found }]) => found > 0)
    .map(([resourceType, { found, removed, left }]) => [resourceType, found, removed, left]);
  process.stdout.write(
    `\n${table(['TYPE', 'FOUND', 'REMOVED', 'LEFT'], rows, ['FOUND', 'REMOVED', 'LEFT'])}\n\n`,
  );

  const leftovers = customer.projects.flatMap(({ id }) => cloud.store.resources(id));
  const untouched = neighbor.projects.every(
    ({ id }, index) =>
      JSON.stringify(cloud.store.resources(id)) === JSON.stringify(neighborBefore[index]),
  );
  const ended =
    operations.length > customer.projects.length &&
    operations.every(({ operation }) => operation.state === 'finished');
  const verdicts: [boolean, string][] = [
    [ended, `every operation has finished (${operations.length})`],
    [
      leftovers.length === 0,
      leftovers.length === 0
        ? 'no resource of the customer is left'
        : `left: ${leftovers.map(({ resourceType, label }) => `${resourceType} ${label}`).join(', ')}`,
    ],
    [
      untouched,
      `all resources of the neighbor are unchanged (${neighborBefore.flat().length}, compared one by one)`,
    ],
    [redriven > 0, `the failed tasks were dead-lettered and redriven (${redriven})`],
  ];
  for (const [isTrue, text] of verdicts)
    process.stdout.write(`${isTrue ? color.green('✔') : color.red('✖')} ${text}\n`);
  process.stdout.write(`  duration: ${duration(Date.now() - startedAt)}\n`);
  return verdicts.every(([isTrue]) => isTrue);
}
