import { gnocchi } from '../../../lib/services/gnocchi.ts';
import { gnocchi as fake, pages, tablesOf } from '../../cloud/documented/gnocchi.ts';
import { hex, uuid } from '../../cloud/resource-store.ts';
import { CleanupFixture } from './cleanup-fixture.ts';
import { testServiceContract } from './service-contract.ts';

testServiceContract(gnocchi, {
  with: [fake],
  listsWithPost: true,
  listings: /^\/v1\/(search\/|metric\?)/,
});

let fixture: CleanupFixture;
const open = async () => {
  fixture = await CleanupFixture.open({ with: [fake] });
  return tablesOf(fixture.rehearsal.state);
};
const callsOf = (method: string, path: RegExp) =>
  fixture.rehearsal.calls.filter(
    (call) => call.service === 'gnocchi' && call.method === method && path.test(call.path),
  );

describe('the cleanup of a project in Gnocchi', () => {
  afterEach(async () => {
    pages.limit = 1000;
    await fixture.close();
  });

  it('removes resources and their metrics in one call', async () => {
    await open();
    const report = await fixture.applyUntilEnd(gnocchi);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('gnocchi')).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
    expect(callsOf('DELETE', /resource/)).toHaveLength(1);
  });

  it('removes all resources over several pages', async () => {
    const { resources } = await open();
    pages.limit = 2;
    for (let n = 0; n < 9; n += 1)
      resources.add({
        id: uuid(),
        type: 'port',
        original_resource_id: `port-${n}`,
        project_id: fixture.project,
        creator: `${hex()}:${hex()}`,
      });
    expect(fixture.left('gnocchi').length).toBeGreaterThan(12);
    const report = await fixture.applyUntilEnd(gnocchi);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('gnocchi')).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('keeps a resource whose owner changed between the list and the removal', async () => {
    const { resources } = await open();
    const [resourceType] = gnocchi.resourceTypes;
    const context = await fixture.context(gnocchi);
    const listed = (await resourceType?.list(context))?.resources ?? [];
    const [mine] = resources.where((row) => row.project_id === fixture.project);
    if (!mine) throw new TypeError('the fixture has no resource');
    const movedResource = resources.add({ ...mine, project_id: fixture.control.projectId });
    expect(await resourceType?.batch?.remove(listed, context)).toHaveLength(listed.length);
    expect(resources.where((row) => row.project_id === fixture.project)).toEqual([]);
    expect(resources.get(mine.id)).toEqual(movedResource);
  });

  it('changes no metric on a resource of another project, although a member created it', async () => {
    const { resources, metrics } = await open();
    const [theirs] = resources.where((row) => row.project_id === fixture.control.projectId);
    if (!theirs) throw new TypeError('the fixture has no neighbor');
    const lent = {
      id: uuid(),
      name: 'lent',
      creator: `${fixture.customer.user.id}:${fixture.project}`,
      resource_id: theirs.id,
    };
    metrics.add(lent);
    fixture.rememberControls();
    expect((await fixture.applyUntilEnd(gnocchi)).outcome).toEqual({ kind: 'finished' });
    expect(metrics.get(lent.id)).toEqual(lent);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('keeps resources without a project, which the search does not find', async () => {
    const { resources } = await open();
    const host = resources.add({
      id: uuid(),
      type: 'host',
      original_resource_id: 'compute-1',
      project_id: null,
      creator: `${hex()}:${hex()}`,
    });
    expect((await fixture.applyUntilEnd(gnocchi)).outcome).toEqual({ kind: 'finished' });
    expect(resources.get(host.id)).toEqual(host);
  });

  it('is not finished when the members, who may have created metrics, are unknown', async () => {
    await open();
    const report = await fixture.applyUntilEnd(gnocchi, { members: undefined });
    expect(report.outcome).toMatchObject({
      kind: 'failed',
      error: { code: 'gnocchi.members.unknown' },
    });
    expect(fixture.left('gnocchi')).toEqual(['gnocchi.metric alone']);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('makes two calls for an empty project', async () => {
    await open();
    await fixture.applyUntilEnd(gnocchi);
    fixture.rehearsal.calls.length = 0;
    await fixture.applyUntilEnd(gnocchi);
    expect(
      fixture.rehearsal.calls
        .filter(({ service }) => service === 'gnocchi')
        .map(({ method }) => method),
    ).toEqual(['POST', 'GET']);
  });

  it('reports more resources when a page is full, and reports resources that Gnocchi did not remove', async () => {
    await open();
    pages.limit = 2;
    const [resourceType] = gnocchi.resourceTypes;
    const context = await fixture.context(gnocchi);
    expect(await resourceType?.list(context)).toMatchObject({
      hasMore: true,
      resources: { length: 2 },
    });
    pages.limit = 1000;
    expect(await resourceType?.list(context)).toMatchObject({
      hasMore: false,
      resources: { length: 3 },
    });
    fixture.rehearsal.faults.inject({
      service: 'gnocchi',
      method: 'DELETE',
      path: /resource/,
      effect: { does: 'endless' },
    });
    const report = await fixture.clean(gnocchi);
    expect(report.counts).toMatchObject({ 'gnocchi.resource': { listed: 3, gone: 0, left: 3 } });
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ class: 'InProgress', resourceType: 'gnocchi.resource', count: 3 }),
    );
  });
});
