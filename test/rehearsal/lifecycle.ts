import { setTimeout as delay } from 'node:timers/promises';
import { durationText } from '../../lib/cli/output.ts';
import { type OperationShape, OperationsShape } from '../../lib/cli/shapes.ts';
import { ENDED_OPERATION_STATES } from '../../lib/operation/model.ts';
import { resourceStatesOf } from '../cloud/resource-states.ts';
import type { RehearsalFixture } from './rehearsal-fixture.ts';

/** A check of the rehearsal, and its result. */
export type CheckResult = readonly [isTrue: boolean, text: string];

const AT_MOST_MILLIS = 20_000;

/** Waits for the end of the newest operation of an action about a project. */
async function endOf(
  action: string,
  project: string,
  { client }: RehearsalFixture,
): Promise<OperationShape> {
  const until = Date.now() + AT_MOST_MILLIS;
  for (;;) {
    const { operations } = await client.get(`/v1/operations?project=${project}`, OperationsShape);
    const found = operations.find(({ operation }) => operation.action === action);
    if (found && ENDED_OPERATION_STATES.some((state) => state === found.operation.state))
      return found;
    if (Date.now() > until)
      throw new Error(
        `the operation ${action} is ${found?.operation.state ?? 'missing'}: ${JSON.stringify(found?.tasks)}`,
      );
    await delay(50);
  }
}

/** Checks that a new project of the customer is provisioned by the profile of the policy file. */
export async function provisionCustomer(
  fixture: RehearsalFixture,
  print: (line: string) => void,
): Promise<{ readonly id: string; readonly name: string; readonly verdict: CheckResult }> {
  const { cloud, customer } = fixture;
  const name = 'shop';
  const startedAt = Date.now();
  const id = cloud.seed.makeProject(customer.domainId, name);
  const { operation } = await endOf('provision', id, fixture);
  const cores = cloud.state.compute.quotas.get(id)?.values.cores;
  print(
    `1. The project "${name}" is created. It is provisioned after ${durationText(Date.now() - startedAt)}: it may use ${cores} cores.`,
  );
  const isTrue = operation.state === 'finished' && cores === 32;
  return { id, name, verdict: [isTrue, 'the new project was provisioned by its profile'] };
}

/** Opens the first container of the project to the public. */
function publish({ cloud }: RehearsalFixture, project: string): void {
  const [container] = cloud.state.accounts.get(`AUTH_${project}`)?.containers.values() ?? [];
  if (!container) throw new TypeError('the project has no container');
  container.headers['x-container-read'] = '.r:*';
}

const isPublic = (switches: ReturnType<typeof resourceStatesOf>): boolean =>
  switches.swift.some(({ headers }) => headers['x-container-read']?.includes('.r:'));

/** Disables a project in Keystone and enables it again. Checks the suspension and the resume. */
export async function suspendAndResume(
  fixture: RehearsalFixture,
  print: (line: string) => void,
): Promise<CheckResult[]> {
  const [project] = fixture.customer.projects;
  if (!project) throw new TypeError('the customer has no project');
  const { id, name } = project;
  publish(fixture, id);
  const before = resourceStatesOf(fixture.cloud, id);
  const running = before.servers.filter((row) => row.vm_state === 'active').length;
  const setEnabled = (enabled: boolean) =>
    fixture.keystone.request('PATCH', `/projects/${id}`, { json: { project: { enabled } } });
  const disabledAt = Date.now();
  await setEnabled(false);
  const suspension = await endOf('suspend', id, fixture);
  const suspended = resourceStatesOf(fixture.cloud, id);
  const stopped = suspended.servers.filter(
    (row) => row.vm_state === 'stopped' && row.locked,
  ).length;
  print(
    `2. The project "${name}" is disabled. It is suspended after ${durationText(Date.now() - disabledAt)}: ${stopped} servers are stopped and locked, public access is closed.`,
  );
  const enabledAt = Date.now();
  await setEnabled(true);
  const resumed = await endOf('resume', id, fixture);
  print(
    `3. The project "${name}" is enabled. After ${durationText(Date.now() - enabledAt)} its ${running} servers run again, and everything is as before.`,
  );
  const isAtRest =
    suspended.servers.every((row) => row.vm_state !== 'active') && !isPublic(suspended);
  const isAsBefore =
    isPublic(before) &&
    JSON.stringify(resourceStatesOf(fixture.cloud, id)) === JSON.stringify(before);
  return [
    [
      suspension.operation.state === 'finished' && running > 0 && isAtRest,
      'no server of the disabled project ran, and its public container was closed',
    ],
    [
      resumed.operation.state === 'finished' && isAsBefore,
      'the enabled project is exactly as it was before',
    ],
  ];
}
