import { cinder } from '../../../lib/services/cinder.ts';
import {
  closeCloudAfterEachTest,
  faults,
  finished,
  fixture,
  left,
  open,
  openWithServers,
} from './cinder-fixture.ts';

closeCloudAfterEachTest();

describe('Cinder, with a faulty API', () => {
  it('removes no resource of other projects when the API ignores the filter by project', async () => {
    await open();
    faults().inject({ service: 'cinder', method: 'GET', effect: { does: 'ignore-filter' } });
    const report = await fixture.applyUntilEnd(cinder);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining('resources of other owners') }),
    );
    expect(left()).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('changes no resource without an owner, and is not finished', async () => {
    await open();
    const before = left();
    faults().inject({ service: 'cinder', method: 'GET', effect: { does: 'drop-owner' } });
    expect((await fixture.applyUntilEnd(cinder)).outcome.kind).not.toBe('finished');
    expect(left('volume')).toEqual(
      before.filter((resource) => resource.startsWith('cinder.volume')),
    );
    expect(left('snapshot')).toEqual(
      before.filter((resource) => resource.startsWith('cinder.snapshot')),
    );
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it.each([
    '/volumes/detail',
    '/snapshots/detail',
    '/backups/detail',
    '/groups/detail',
    '/group_snapshots/detail',
    '/volume-transfers/detail',
    '/attachments',
    '/types\\?',
    '/os-volume-type-access',
    '/default-types',
    '/os-quota-sets/[^/]*$',
    '/defaults',
  ])('does not treat a failed list of %s as empty', async (path) => {
    await open({}, 'tiny');
    const effects = [
      { does: 'answer', status: 500 },
      { does: 'answer', status: 403 },
      { does: 'cut-body' },
      { does: 'cut-connection' },
    ] as const;
    for (const effect of effects) {
      const fault = faults().inject({
        service: 'cinder',
        method: 'GET',
        path: new RegExp(path),
        effect,
      });
      expect((await fixture.applyUntilEnd(cinder)).outcome.kind).not.toBe('finished');
      fault.clear();
    }
    expect((await fixture.applyUntilEnd(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });

  it('retries after a 409', async () => {
    await open();
    faults().inject({
      service: 'cinder',
      method: 'DELETE',
      path: /\/volumes\//,
      times: 3,
      effect: { does: 'answer', status: 409 },
    });
    expect((await fixture.run(cinder)).outcome).toMatchObject({
      kind: 'again',
      error: { class: 'Transient', status: 409 },
    });
    expect((await fixture.applyUntilEnd(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });

  it('waits as long as a 429 requires, and skips no resource', async () => {
    await open();
    const effect = { does: 'answer', status: 429, retryAfter: 17 } as const;
    faults().inject({ service: 'cinder', method: 'DELETE', path: /\/volumes\//, times: 3, effect });
    expect((await fixture.run(cinder)).outcome).toMatchObject({
      kind: 'again',
      afterSeconds: 17,
      error: { class: 'Transient', status: 429 },
    });
    fixture.clock.advance(17_000);
    expect((await fixture.applyUntilEnd(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });

  it('finishes when the answer to a deletion is lost', async () => {
    await open();
    faults().inject({
      service: 'cinder',
      method: 'DELETE',
      times: 6,
      effect: { does: 'reset-after' },
    });
    expect((await fixture.applyUntilEnd(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('stops and reports to the operator when a call is refused', async () => {
    await open();
    faults().inject({
      service: 'cinder',
      method: 'DELETE',
      path: /\/volumes\//,
      effect: { does: 'answer', status: 403 },
    });
    expect((await fixture.applyUntilEnd(cinder)).outcome).toMatchObject({
      kind: 'failed',
      error: { class: 'Denied', service: 'cinder' },
    });
    expect(left('volume')).not.toEqual([]);
  });

  it('is not changed if it is too old to show the owner of a resource', async () => {
    await openWithServers({
      microversions: { compute: '2.93', volume: '3.50', placement: '1.39' },
    });
    const before = left();
    await expect(fixture.run(cinder)).rejects.toMatchObject({ report: { class: 'Unsupported' } });
    expect(left()).toEqual(before);
  });

  it('is absent if the catalog does not have it', async () => {
    await openWithServers();
    fixture.fixture.rehearsal.hide('cinder');
    fixture.fixture.rehearsal.expireTokens();
    expect(await fixture.fixture.cloud.api(cinder, 'RegionOne')).toBeUndefined();
  });
});
