import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProjectId } from '../../events/ids.ts';
import type { EmbeddedPropagator } from '../../lib/app/embedded.ts';
import { connectCloud } from '../../lib/openstack/connect.ts';
import { keystone } from '../../lib/services/keystone.ts';
import { type RehearsalCloud, startCloud } from '../cloud/cloud.ts';
import { loginOf } from '../cloud/login.ts';
import { startPropagator } from '../cloud/propagator.ts';
import { connectTo, until } from './engine-store.ts';

/** A complete propagator in this process, on a cloud with one target and one control project. */
describe('A propagator', () => {
  let folder: string;
  let cloud: RehearsalCloud;
  let target: string;
  let control: string;
  let running: EmbeddedPropagator | undefined;
  const start = async (port = 0): Promise<EmbeddedPropagator> => {
    const { propagator } = await startPropagator(cloud, {
      PROPAGATOR_DATA: join(folder, 'data'),
      PROPAGATOR_PORT: String(port),
    });
    return propagator;
  };
  const removals = () => cloud.calls.filter(({ method }) => method === 'DELETE').length;
  const left = (project: string) => cloud.store.resources(project);

  /** Deletes the project in Keystone, as an administrator does. */
  const deleteProject = async (id: string): Promise<void> => {
    const admin = connectCloud(loginOf(cloud.credentials));
    await (await admin.api(keystone, 'RegionOne'))?.request('DELETE', `/v3/projects/${id}`);
    await admin.close();
    // The deletion of the project itself is not a removal by the propagator.
    cloud.calls.length = 0;
  };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'propagator-stop-'));
    cloud = await startCloud();
    const domain = cloud.seed.makeDomain('customers');
    [target, control] = [
      cloud.seed.makeProject(domain, 'target'),
      cloud.seed.makeProject(domain, 'control'),
    ];
    cloud.seed.fill(target, 'small');
    cloud.seed.fill(control, 'tiny');
  });
  afterEach(async () => {
    await running?.stop();
    running = undefined;
    await cloud.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('starts no removal later than a second after a stop signal, also with open connections, and continues at the next start', async () => {
    const before = left(control);
    running = await start();
    const idle = await connectTo(running.port);
    const half = await connectTo(running.port);
    half.write(
      'POST /v1/notifications HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1000\r\n\r\n',
    );
    await deleteProject(target);
    await running.engine.commit({
      messages: [
        {
          type: 'account.project.deleted',
          data: {
            account: { type: 'project', id: ProjectId.parse(target) },
            cause: { messageId: 'm-1', eventType: 'identity.project.deleted', at: 0 },
          },
        },
      ],
    });
    await until('the first removals', () => removals() > 2, 120);
    const began = performance.now();
    const stopped = running.stop();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const after = removals();
    await stopped;
    expect(performance.now() - began).toBeLessThan(12_000);
    expect(removals()).toBe(after);
    expect(left(target).length).toBeGreaterThan(0);
    for (const socket of [idle, half]) socket.destroy();

    running = await start();
    await until('the end of the operation', () => left(target).length === 0, 120);
    expect(left(control)).toEqual(before);
  }, 240_000);

  it('does not start while its port is in use: it makes no call to the cloud, and unlocks the folder', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    await expect(start(port)).rejects.toMatchObject({ report: { code: 'api.port' } });
    expect(cloud.calls).toEqual([]);
    await new Promise((resolve) => other.close(resolve));
    running = await start(port);
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  }, 240_000);
});
