import { cyborg } from '../../../lib/services/cyborg.ts';
import { cyborg as fake, release, requestsOf } from '../../cloud/documented/cyborg.ts';
import { uuid } from '../../cloud/world.ts';
import { Stage } from './emptying.ts';
import { testServiceContract } from './service-contract.ts';

testServiceContract(cyborg, { with: [fake] });

describe('Cyborg, emptied of one project', () => {
  let stage: Stage;
  afterEach(async () => {
    release.guardsBound = false;
    await stage.close();
  });

  it('leaves a request without an owner that Nova is about to bind, and does not wait for it', async () => {
    stage = await Stage.open({ with: [fake] });
    const requests = requestsOf(stage.rehearsal.state);
    const fresh = requests.add({
      id: uuid(),
      project_id: null,
      device_profile_name: 'gpu',
      instance_uuid: null,
    });
    const report = await stage.empty(cyborg);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.conditions).toEqual([]);
    expect(stage.left('cyborg')).toEqual([]);
    expect(requests.get(fresh.id)).toEqual(fresh);
    expect(stage.controlsAreUntouched).toBe(true);
  });

  it('reports the requests that only Nova can remove, and removes the others', async () => {
    stage = await Stage.open({ with: [fake] });
    release.guardsBound = true;
    const report = await stage.empty(cyborg);
    expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
    expect(report.conditions).toEqual([
      expect.objectContaining({ class: 'Blocked', actor: 'operator' }),
    ]);
    expect(stage.left('cyborg')).toEqual(['cyborg.accelerator-request gpu']);
    expect(stage.controlsAreUntouched).toBe(true);
  });
});
