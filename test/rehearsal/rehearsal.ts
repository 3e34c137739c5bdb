import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { createColors, durationText, table } from '../../lib/cli/output.ts';
import { DeadLettersShape, type OperationShape, OperationsShape } from '../../lib/cli/shapes.ts';
import { type CheckResult, provisionCustomer, suspendAndResume } from './lifecycle.ts';
import { openFixture, type RehearsalFixture } from './rehearsal-fixture.ts';
import { openScreen } from './screen.ts';

/**
 * Runs a propagator on a cloud in memory. A project of a customer is created, suspended and resumed.
 * At the end all projects of this customer are deleted. The exit code is 0 only if each step
 * succeeded, no resource of the customer is left, and no resource of a second customer (`neighbor`)
 * changed. The service that failed at first must have been dead-lettered, redriven and finished.
 */
const AT_MOST_MILLIS = 55_000;
const startedAt = Date.now();
const screen = openScreen();
screen.print(
  'The projects of a customer are created, suspended, resumed and deleted. Everything runs on this machine, with a cloud in memory.',
);

const fixture = await openFixture();
const { cloud, customer, neighbor, client } = fixture;
const neighborBefore = neighbor.projects.map(({ id }) => cloud.store.resources(id));
const held = customer.projects.reduce((sum, { id }) => sum + cloud.store.resources(id).length, 0);
screen.print(
  `The customer "acme" has ${customer.projects.length} projects with ${held} resources. The customer "globex" has the same number of resources with the same names, and must not change.`,
);

const shop = await provisionCustomer(fixture, screen.print);
const lifecycleVerdicts = [shop.verdict, ...(await suspendAndResume(fixture, screen.print))];
const leaving = [...customer.projects, shop];

const repairNova = cloud.faults.add({
  service: 'nova',
  method: 'DELETE',
  path: /^\/v2\.1\/servers\//,
  effect: { does: 'answer', status: 409, message: 'Cannot delete: the server is busy' },
});
screen.print(
  '4. The projects and the domain are deleted. For now, Nova answers 409 to every deletion of a server.',
);
await deleteCustomer(fixture, leaving);

let redriven = 0;
let operations: OperationShape[] = [];
const deletedAt = Date.now();
while (Date.now() - deletedAt < AT_MOST_MILLIS) {
  const shown = await client.get('/v1/operations', OperationsShape);
  operations = shown.operations.filter(({ operation }) => operation.action === 'cleanup');
  screen.show(operations);
  if (redriven === 0) redriven = await redriveOnce();
  if (
    operations.length > leaving.length &&
    operations.every(({ operation }) => operation.state === 'finished')
  )
    break;
  await delay(100);
}
screen.done();
const isTrue = report();
await fixture.close();
process.exitCode = isTrue ? 0 : 1;

/** Deletes the projects, disables the domain and deletes it, as an administrator of the cloud. */
async function deleteCustomer(
  { keystone, customer: { domainId } }: RehearsalFixture,
  leaving: readonly { readonly id: string }[],
): Promise<void> {
  for (const { id } of leaving) await keystone.request('DELETE', `/projects/${id}`);
  await keystone.request('PATCH', `/domains/${domainId}`, {
    json: { domain: { enabled: false } },
  });
  await keystone.request('DELETE', `/domains/${domainId}`);
}

/**
 * When the Nova task of every project is dead-lettered, repairs Nova and redrives the messages.
 */
async function redriveOnce(): Promise<number> {
  const { deadLetters } = await client.get('/v1/dead-letters?service=nova', DeadLettersShape);
  if (deadLetters.length < customer.projects.length) return 0;
  const [first] = deadLetters;
  screen.print(
    `5. Nova's tasks are dead-lettered after some attempts (${deadLetters.length} times ${first?.error?.code}). Nova is repaired, and the dead letters are redriven.`,
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
  const color = createColors(process.stdout, process.env);
  const services = new Map<string, { found: number; removed: number; left: number }>();
  for (const { service, counts } of operations.flatMap(({ tasks }) => tasks))
    for (const { found, removed, left } of Object.values(counts)) {
      const sum = services.get(service) ?? { found: 0, removed: 0, left: 0 };
      services.set(service, {
        found: sum.found + found,
        removed: sum.removed + removed,
        left: sum.left + left,
      });
    }
  const rows = [...services]
    .filter(([, { found }]) => found > 0)
    .map(([service, { found, removed, left }]) => [service, found, removed, left]);
  process.stdout.write(
    `\n${table(['SERVICE', 'FOUND', 'REMOVED', 'LEFT'], rows, ['FOUND', 'REMOVED', 'LEFT'])}\n\n`,
  );

  const leftovers = leaving.flatMap(({ id }) => cloud.store.resources(id));
  const untouched = neighbor.projects.every(
    ({ id }, index) =>
      JSON.stringify(cloud.store.resources(id)) === JSON.stringify(neighborBefore[index]),
  );
  const ended =
    operations.length > leaving.length &&
    operations.every(({ operation }) => operation.state === 'finished');
  const verdicts: CheckResult[] = [
    ...lifecycleVerdicts,
    [ended, `every deletion has finished (${operations.length})`],
    [
      leftovers.length === 0,
      leftovers.length === 0
        ? 'no resource of the customer is left'
        : `left: ${leftovers.map(({ resourceType, label }) => `${resourceType} ${label}`).join(', ')}`,
    ],
    [
      untouched,
      `all resources of the other customer are unchanged (${neighborBefore.flat().length}, compared one by one)`,
    ],
    [redriven > 0, `the failed tasks were dead-lettered and redriven (${redriven})`],
  ];
  for (const [isTrue, text] of verdicts)
    process.stdout.write(`${isTrue ? color.green('✔') : color.red('✖')} ${text}\n`);
  process.stdout.write(`  duration: ${durationText(Date.now() - startedAt)}\n`);
  return verdicts.every(([isTrue]) => isTrue);
}
