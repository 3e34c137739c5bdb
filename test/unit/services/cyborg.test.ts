import { cyborg } from '../../../lib/services/cyborg.ts';
import { cyborg as fake, release, requestsOf } from '../../cloud/documented/cyborg.ts';
import { uuid } from '../../cloud/resource-store.ts';
import { CleanupFixture } from './cleanup-fixture.ts';
import { testServiceContract } from './service-contract.ts';

testServiceContract(cyborg, { with: [fake] });

describe('the cleanup of a project in Cyborg', () => {
  let fixture: CleanupFixture;
  afterEach(async () => {
    release.guardsBound = false;
    await fixture.close();
  });

  it('leaves a request without an owner that Nova is about to bind, and does not wait for it', async () => {
    fixture = await CleanupFixture.open({ with: [fake] });
    const requests = requestsOf(fixture.rehearsal.state);
    const fresh = requests.add({
      id: uuid(),
      project_id: null,
      device_profile_name: 'gpu',
      instance_uuid: null,
    });
    const report = await fixture.applyUntilEnd(cyborg);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.conditions).toEqual([]);
    expect(fixture.left('cyborg')).toEqual([]);
    expect(requests.get(fresh.id)).toEqual(fresh);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('reports the requests that only Nova can remove, and removes the others', async () => {
    fixture = await CleanupFixture.open({ with: [fake] });
    release.guardsBound = true;
    const report = await fixture.applyUntilEnd(cyborg);
    expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
    expect(report.conditions).toEqual([
      expect.objectContaining({ class: 'Blocked', actor: 'operator' }),
    ]);
    expect(fixture.left('cyborg')).toEqual(['cyborg.accelerator-request gpu']);
    expect(fixture.controlsAreUntouched).toBe(true);
  });
});
