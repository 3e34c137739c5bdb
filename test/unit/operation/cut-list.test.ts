import { answerFailure } from '../../../lib/openstack/failure.ts';
import { StatefulSimulation } from '../../property/stateful-simulation.ts';

/** The error of a Keystone whose `list_limit` is shorter than the list. */
const cutListError = answerFailure(
  { code: 'truncated', message: 'it cut its list short (list_limit) and links to no next page' },
  { service: 'keystone', region: 'one', host: 'keystone.example' } as never,
  'req-1',
);

/** The cleanup of a living project, requested while Keystone cuts the list of its credentials. */
async function requestedCleanup(): Promise<StatefulSimulation> {
  const simulation = new StatefulSimulation([
    { name: 'storage', resourceTypes: { snapshot: 'A' } },
    { name: 'keystone', resourceTypes: { credential: 'A' } },
  ]);
  simulation.cloud.broken.set('keystone', cutListError);
  expect((await simulation.ask()).status).toBe(202);
  await simulation.settle();
  return simulation;
}

describe('a list that Keystone cuts short, for a living project', () => {
  it('does not stop the other services, and the operation names the setting and the command', async () => {
    const simulation = await requestedCleanup();
    expect(simulation.tasks).toEqual({ storage: 'finished', keystone: 'dead-lettered' });
    expect(simulation.left()).toEqual({ 'keystone.credential': 2 });
    const { body } = await simulation.call('GET', `/v1/operations/${simulation.operation.id}`);
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
    simulation.expectOthersUntouched();
  });

  it('is read again after the limit was raised, and the operation finishes', async () => {
    const simulation = await requestedCleanup();
    simulation.cloud.broken.delete('keystone');
    expect(await simulation.engine.redrive({}, { by: 'ann' })).toBe(1);
    await simulation.settle();
    expect(simulation.state).toBe('finished');
    expect(simulation.left()).toEqual({});
    expect(simulation.cloud.projects.has('target')).toBe(false);
    simulation.expectOthersUntouched();
  });

  it('needs a release after the dead letter was discarded, and ends unverified', async () => {
    const simulation = await requestedCleanup();
    expect(await simulation.engine.discard({}, { by: 'ann', reason: 'the limit stays' })).toBe(1);
    await simulation.settle();
    expect(simulation.operation).toMatchObject({
      state: 'held',
      hold: { reason: expect.stringContaining('keystone') },
    });
    expect(simulation.cloud.projects.has('target')).toBe(true);
    expect((await simulation.release()).status).toBe(202);
    await simulation.settle();
    expect(simulation.state).toBe('unverified');
    expect(simulation.task('keystone')).toMatchObject({ state: 'unreachable' });
    expect(simulation.cloud.projects.has('target')).toBe(false);
    // The operator released the operation, and this resource was left.
    expect(simulation.cloud.violations).toEqual(['deleted while keystone.credential was there']);
  });
});
