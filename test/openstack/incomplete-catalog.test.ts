import {
  type CloudProxy,
  changes,
  disableEndpoints,
  disableService,
  moveToRegion,
  type Registry,
  retype,
  startProxy,
} from '../cloud/proxy/proxy.ts';
import { projectCreated, projectDeleted } from './broker.ts';
import { Cloud, text, until } from './cloud.ts';
import { loginVariables } from './credentials.ts';
import {
  describeView,
  isState,
  OPERATION_SECONDS,
  Propagator,
  servicesOfLivingProjects,
} from './driver.ts';

/**
 * A real cloud whose Keystone shows less than it has: a proxy changes the catalog and the lists.
 * The propagator has no broker, and every domain but the one of its projects is protected.
 */
describe('a cloud whose catalog does not show all its services', () => {
  let cloud: Cloud;
  let proxy: CloudProxy;
  let propagator: Propagator;
  const projects: string[] = [];
  const images: string[] = [];

  beforeAll(async () => {
    cloud = await Cloud.connect();
    proxy = await startProxy(cloud.authUrl);
    propagator = new Propagator('catalog-coverage-unused');
    const domains = await cloud.admin.rows('identity', '/domains', 'domains');
    await propagator.start({
      mode: 'enforce',
      broker: 'none',
      protectedDomains: domains.map((row) => text(row, 'id')).filter((id) => id !== 'default'),
      environment: {
        ...loginVariables(),
        OS_CLOUD: '',
        OS_AUTH_URL: proxy.url,
        OS_REGION_NAME: cloud.region ?? '',
        PROPAGATOR_GRACE_PERIOD: '0s',
        PROPAGATOR_CONFIRMATION_INTERVAL: '1s',
      },
    });
  });
  afterAll(async () => {
    await propagator?.dispose();
    await proxy?.close();
    for (const id of images)
      await cloud.admin.call('image', 'DELETE', `/images/${id}`, { accept: [404] });
    for (const id of projects)
      await cloud.admin.call('identity', 'DELETE', `/projects/${id}`, { accept: [404] });
  });

  async function makeProject(name: string): Promise<string> {
    const project = { name: `zz-${name}-${Date.now()}`, domain_id: 'default' };
    const { json } = await cloud.admin.call('identity', 'POST', '/projects', { json: { project } });
    const id = text(json, 'project', 'id');
    projects.push(id);
    const response = await propagator.api('POST', '/v1/notifications', projectCreated(id));
    expect(response.status).toBe(202);
    return id;
  }
  async function makeImage(owner: string): Promise<string> {
    const image = { name: 'zz-coverage', owner, disk_format: 'raw', container_format: 'bare' };
    const { json } = await cloud.admin.call('image', 'POST', '/images', { json: image });
    images.push(text(json, 'id'));
    return text(json, 'id');
  }
  const hasImage = async (id: string): Promise<boolean> =>
    (await cloud.admin.call('image', 'GET', `/images/${id}`, { accept: [404] })).status === 200;
  /** The first of these types under which this cloud has a service. */
  const registered = async (...types: string[]): Promise<{ id: string; type: string }> => {
    const rows = await cloud.admin.rows('identity', '/services', 'services');
    const found = types
      .map((type) => rows.find((row) => row.type === type))
      .find((row) => row !== undefined);
    return { id: text(found, 'id'), type: text(found, 'type') };
  };
  const command = (...line: string[]) => propagator.command(...line);
  /**
   * Waits until the command names the reason, before any deletion. The propagator reads the catalog
   * again then.
   */
  const shownBefore = (because: RegExp) =>
    until('service list names the reason', OPERATION_SECONDS, async () =>
      because.test((await command('service', 'list')).text) ? true : undefined,
    );
  /** Deletes a project that holds an image, and waits for the end of its operation. */
  async function deleteOne(
    name: string,
    change?: (registry: Registry) => Registry,
    because?: RegExp,
  ) {
    const [project, control] = [await makeProject(name), await makeProject(`${name}-control`)];
    const [own, other] = [await makeImage(project), await makeImage(control)];
    proxy.registry = change;
    if (because) await shownBefore(because);
    await cloud.admin.call('identity', 'DELETE', `/projects/${project}`);
    await propagator.api('POST', '/v1/notifications', projectDeleted(project));
    const ended = isState('finished', 'unverified', 'refused', 'held');
    const view = await propagator.operation({ project }, ended, OPERATION_SECONDS);
    const shown = await command('operation', 'show', view.operation.id);
    return { view, shown, left: await hasImage(own), control: await hasImage(other) };
  }

  it('ends an operation as finished if all services are covered', async () => {
    for (const { type } of await servicesOfLivingProjects(cloud))
      expect(
        await command('waiver', 'add', type, '--reason', 'shows nothing of a dead project'),
      ).toMatchObject({ status: 0 });
    const { view, shown, left, control } = await deleteOne('whole');
    expect([describeView(view), shown.status]).toEqual([expect.stringContaining(' finished,'), 0]);
    expect([left, control]).toEqual([false, true]);
  });

  it.each([
    [
      'an older type only',
      'volume',
      /volumev2(?: \(cinder\))?: the catalog has it in .* under volumev2 only/,
    ],
    [
      'a disabled service',
      'image',
      /image(?: \(glance\))?: it is registered in .*, but the service is disabled/,
    ],
    [
      'disabled endpoints',
      'image',
      /image(?: \(glance\))?: it is registered in .*, but its endpoint is disabled/,
    ],
    ['another region', 'image', /image(?: \(glance\))?: it is registered only in elsewhere/],
  ])(
    'ends an operation as unverified if it has %s, with exit code 3 and the reason',
    async (what, type, because) => {
      const image = (await registered('image')).id;
      const volume = (await registered('block-storage', 'volumev3')).type;
      const change = {
        'an older type only': retype(volume, 'volumev2'),
        'a disabled service': disableService('image'),
        'disabled endpoints': changes(disableEndpoints(image)),
        'another region': moveToRegion(image, 'elsewhere'),
      }[what];
      const { view, shown, left, control } = await deleteOne('part', change, because);
      expect([view.operation.state, shown.status]).toEqual(['unverified', 3]);
      expect(shown.text).toMatch(because);
      expect([left, control]).toEqual([type === 'image', true]);
      proxy.registry = undefined;
    },
  );
});
