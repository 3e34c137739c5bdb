import { type ChildProcess, spawn } from 'node:child_process';
import { jest } from '@jest/globals';
import { CREDENTIALS } from '../../localstack/endpoint.ts';
import { until } from '../engine/engine-store.ts';
import { type CloudFixture, openCloudFixture } from '../openstack/cloud-fixture.ts';
import { loginVariables } from '../openstack/credentials.ts';
import {
  describeView,
  ENTRY,
  freePort,
  isOver,
  unreachableServices,
  type View,
  viewsIn,
} from '../openstack/driver.ts';
import { type DeployedStack, deployStack } from './stack.ts';

jest.setTimeout(300_000);

/**
 * Keystone, its broker and all services are real. The relay is a process, and the functions are
 * those of the deployed stack.
 */
describe('a real cloud and the deployed stack', () => {
  let fixture: CloudFixture;
  let stack: DeployedStack;
  let relay: ChildProcess;
  let output = '';
  beforeAll(async () => {
    fixture = await openCloudFixture({ red: 'full', green: 'simple' });
    stack = await deployStack(loginVariables(), {
      PROPAGATOR_PROTECTED_DOMAINS: (await fixture.domainsOfOthers()).join(','),
    });
    // Runs the sweep as the schedule does. The earlier record identifies deleted accounts.
    await stack.invoke('sweep', { compare: false });
    relay = await startRelay(stack, fixture.propagator.queue, (line) => {
      output += line;
    });
  }, 600_000);
  afterAll(async () => {
    if (relay) await ended(relay);
    await stack?.stop();
    await fixture?.tearDown();
  }, 300_000);

  async function over(project: string, seconds: number): Promise<View> {
    let last: View | undefined;
    const check = async () => {
      const { body } = await stack.api('GET', `/v1/operations?project=${project}`);
      [last] = viewsIn(body);
      if (last?.operation.state === 'refused') throw new Error('refused');
      return last !== undefined && isOver(last);
    };
    await until('the end of an operation', check, seconds).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${last ? describeView(last) : output}`);
    });
    return last as unknown as View;
  }

  it('a project deleted in Keystone is emptied by the functions and verified, and the others do not change', async () => {
    const deletedAt = await fixture.deleteProject('red');
    const view = await over(fixture.idOf('red'), 280);
    console.log(
      `emptied in ${((view.operation.endedAt ?? Number.NaN) - deletedAt) / 1000} s\n${describeView(view)}`,
    );
    // Only Barbican returns no resources of a project that is gone.
    expect(unreachableServices(view).filter((service) => service !== 'barbican')).toEqual([]);
    const now = await fixture.snapshot();
    expect(await fixture.remainingResources(now, 'red')).toEqual([]);
    const { before, now: after } = fixture.linesOfOtherProjects(now, 'red');
    expect(after).toEqual(before);
    expect((await stack.api('GET', '/v1/dead-letters')).body).toEqual({ deadLetters: [] });
  });

  it('notifications that Keystone sends while the relay is down are processed after its restart', async () => {
    await ended(relay, 'SIGKILL');
    await fixture.deleteProject('green');
    relay = await startRelay(stack, fixture.propagator.queue, (line) => {
      output += line;
    });
    const view = await over(fixture.idOf('green'), 200);
    expect(unreachableServices(view).filter((service) => service !== 'barbican')).toEqual([]);
    const now = await fixture.snapshot();
    expect(await fixture.remainingResources(now, 'green')).toEqual([]);
    const { before, now: after } = fixture.linesOfOtherProjects(now, 'red', 'green');
    expect(after).toEqual(before);
  });
});

/**
 * `npx propagator relay`, from Keystone's broker to the ingest queue; returns when the relay is
 * connected to the broker.
 */
async function startRelay(
  { ingestUrl, endpoint }: DeployedStack,
  queue: string,
  onLine: (line: string) => void,
): Promise<ChildProcess> {
  const port = await freePort();
  const env = {
    PATH: process.env.PATH,
    RABBITMQ_URL: process.env.RABBITMQ_URL,
    RABBITMQ_QUEUE: queue,
    PROPAGATOR_INGEST_QUEUE_URL: new URL(new URL(ingestUrl).pathname, endpoint).href,
    PROPAGATOR_PORT: String(port),
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  };
  const child = spawn(process.execPath, [ENTRY, 'relay'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout?.setEncoding('utf8').on('data', onLine);
  await until(
    'a relay that is connected to the broker',
    () =>
      fetch(`http://127.0.0.1:${port}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      ),
    60,
  );
  return child;
}

async function ended(
  child: ChildProcess,
  signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM',
): Promise<void> {
  const exit = new Promise((resolve) => child.once('exit', resolve));
  if (child.exitCode === null && child.signalCode === null) {
    child.kill(signal);
    await exit;
  }
}
