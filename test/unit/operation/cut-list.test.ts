import { answerFailure } from '../../../lib/openstack/failure.ts';
import { LivingWorld } from '../../property/stateful-world.ts';

/** The error of a Keystone whose `list_limit` is shorter than the list. */
const cutShort = answerFailure(
  { code: 'truncated', message: 'it cut its list short (list_limit) and links to no next page' },
  { service: 'keystone', region: 'one', host: 'keystone.example' } as never,
  'req-1',
);

/** The cleanup of a living project, requested while Keystone cuts the list of its credentials. */
async function requestedCleanup(): Promise<LivingWorld> {
  const world = new LivingWorld([
    { name: 'shelf', resourceTypes: { book: 'A' } },
    { name: 'keystone', resourceTypes: { credential: 'A' } },
  ]);
  world.cloud.broken.set('keystone', cutShort);
  expect((await world.ask()).status).toBe(202);
  await world.settle();
  return world;
}

describe('a list that Keystone cuts short, for a living project', () => {
  it('does not stop the other services, and the operation names the setting and the command', async () => {
    const world = await requestedCleanup();
    expect(world.tasks).toEqual({ shelf: 'finished', keystone: 'dead-lettered' });
    expect(world.left()).toEqual({ 'keystone.credential': 2 });
    const { body } = await world.call('GET', `/v1/operations/${world.operation.id}`);
    expect(body).toMatchObject({
      waitsOn: [
        {
          actor: 'operator',
          advice: expect.stringMatching(
            /list_limit in the configuration file of keystone .* Then: propagator dead-letter redrive --operation op-\w+$/,
          ),
        },
      ],
    });
    world.expectOthersUntouched();
  });

  it('is read again after the limit was raised, and the operation finishes', async () => {
    const world = await requestedCleanup();
    world.cloud.broken.delete('keystone');
    expect(await world.engine.redrive({}, { by: 'ann' })).toBe(1);
    await world.settle();
    expect(world.state).toBe('finished');
    expect(world.left()).toEqual({});
    expect(world.cloud.projects.has('target')).toBe(false);
    world.expectOthersUntouched();
  });

  it('needs a release after the dead letter was discarded, and ends unverified', async () => {
    const world = await requestedCleanup();
    expect(await world.engine.discard({}, { by: 'ann', reason: 'the limit stays' })).toBe(1);
    await world.settle();
    expect(world.operation).toMatchObject({
      state: 'held',
      hold: { reason: expect.stringContaining('keystone') },
    });
    expect(world.cloud.projects.has('target')).toBe(true);
    expect((await world.release()).status).toBe(202);
    await world.settle();
    expect(world.state).toBe('unverified');
    expect(world.task('keystone')).toMatchObject({ state: 'unreachable' });
    expect(world.cloud.projects.has('target')).toBe(false);
    // The operator released the operation although this resource was left.
    expect(world.cloud.violations).toEqual(['deleted while keystone.credential was there']);
  });
});
